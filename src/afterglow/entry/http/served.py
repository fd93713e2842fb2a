"""The application of this process, as Granian's workers import it."""

from granian.utils.proxies import wrap_asgi_with_proxy_headers

import afterglow
from afterglow.config import load_settings
from afterglow.entry.http.app import create_app
from afterglow.infra.telemetry.logs import configure_logs
from afterglow.infra.telemetry.traces import configure_traces

_settings = load_settings()
configure_logs("http", _settings.log_level)
configure_traces("http", _settings.otlp_endpoint, afterglow.__version__)
app = create_app(_settings)
if _settings.trusted_proxies:
    # The scheme decides whether cookies are Secure, the address whom attempts are counted for.
    app = wrap_asgi_with_proxy_headers(app, _settings.trusted_proxies)
