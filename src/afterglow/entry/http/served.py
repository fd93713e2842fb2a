"""The application of this process, as Granian's workers import it."""

from afterglow.config import load_settings
from afterglow.entry.http.app import create_app
from afterglow.infra.telemetry.logs import configure_logs

_settings = load_settings()
configure_logs("http", _settings.log_level)
app = create_app(_settings)
