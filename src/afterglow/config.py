"""Settings, read once at start: environment over file over default.

Every setting is an environment variable `AFTERGLOW_<NAME>` or a line in the settings file
(`AFTERGLOW_CONFIG`, by default `afterglow.toml` in the data folder). The reference page of settings is generated
from here.
"""

import os
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from afterglow.infra.scanning.address import parse_address
from afterglow.kernel.errors import InvalidError
from afterglow.kernel.units import GIB, MIB


class SettingsError(InvalidError):
    """A setting is wrong; the message names it."""

    code = "settings.invalid"


class NodeRole(StrEnum):
    """What this node is in the system."""

    HOME = "home"
    EDGE = "edge"


def default_data_dir() -> Path:
    """Return where a node keeps everything: a system path for root, the user's own otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/afterglow")
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "afterglow"


Port = Annotated[int, Field(ge=1, le=65535)]
Positive = Annotated[int, Field(gt=0)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lambda level: str(level).lower())]


class Settings(BaseSettings):
    """All settings of a node; the field's description is its documentation."""

    model_config = SettingsConfigDict(
        env_prefix="AFTERGLOW_", extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder that holds everything: database, originals, spool, derivatives, secrets.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for all of this machine's.")
    port: Port = Field(2480, description="TCP port to listen on.")
    role: NodeRole = Field(NodeRole.HOME, description="What this node is: `home` (everything) or `edge`.")
    database_url: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("database_url", "DATABASE_URL", "AFTERGLOW_DATABASE_URL"),
        description="Address of an external PostgreSQL (15 or newer) as the app role; empty: the embedded one.",
    )
    database_owner_url: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("database_owner_url", "DATABASE_OWNER_URL", "AFTERGLOW_DATABASE_OWNER_URL"),
        description="The same database as the role that owns the tables, for migrations; empty: as DATABASE_URL.",
    )
    http_workers: Positive = Field(1, description="HTTP processes; one serves a household.")
    workers: Positive = Field(1, description="Worker processes that run the pipeline's steps.")
    decoders: Positive = Field(
        default_factory=lambda: os.cpu_count() or 1, description="Sandboxed decoder processes per worker."
    )
    public_url: str = Field(
        "", description="Address under which people reach this node, if it differs from host and port."
    )
    trusted_proxies: str = Field(
        "", description="Comma-separated addresses of reverse proxies whose X-Forwarded-* headers count."
    )
    upload_max_bytes: Positive = Field(64 * GIB, description="Largest file that is taken, in bytes.")
    upload_chunk_bytes: Positive = Field(16 * MIB, description="Chunk size that upload sessions suggest, in bytes.")
    upload_ttl_hours: Positive = Field(
        24, description="Hours after its last byte until an unfinished upload is forgotten."
    )
    upload_max_sessions: Positive = Field(500, description="Most unfinished uploads that one account may have.")
    upload_stall_s: Positive = Field(
        60, description="Seconds after which an upload's connection on which nothing comes is given up."
    )
    download_ttl_hours: Positive = Field(
        24, description="Hours for which an archive of photos can be downloaded, and its download be resumed."
    )
    feed_days: Positive = Field(
        90, description="Days for which changes are kept for clients that follow the feed; later they start anew."
    )
    trash_days: Positive = Field(30, description="Days after its deletion until a photo in the trash is purged.")
    max_pixels: Positive = Field(250_000_000, description="Most pixels a picture may have to be decoded.")
    disk_reserve_bytes: Positive = Field(
        2 * GIB, description="Uploads are refused when less than this many bytes are free."
    )
    disk_reserve_percent: Annotated[float, Field(ge=0, le=50)] = Field(
        1.0, description="Uploads are refused when less than this share of the disk is free, in percent."
    )
    cache_reserve_bytes: Positive = Field(
        10 * GIB, description="Derivatives that were not used for longest are evicted when fewer bytes are free."
    )
    cache_reserve_percent: Annotated[float, Field(ge=0, le=50)] = Field(
        5.0, description="The same as a share of the disk, in percent; the larger one counts."
    )
    derivative_cache_bytes: Annotated[int, Field(ge=0)] = Field(
        0, description="Most bytes that thumbnails and previews may take up; 0: as many as there is room for."
    )
    derivative_max_age_days: Positive = Field(
        30, description="Days without use after which derivatives are evicted; counts only with derivative_cache_bytes."
    )
    access_token_minutes: Positive = Field(15, description="Life of an access token, in minutes.")
    session_days: Positive = Field(60, description="Days after its last use until a login session ends.")
    step_attempts: Positive = Field(3, description="Attempts of a step that fails on a photo's content, then FAILED.")
    step_lease_s: Positive = Field(
        30, description="Seconds without a heartbeat after which a step's run is taken over."
    )
    poll_interval_s: Positive = Field(10, description="Seconds between two looks for work when no wake-up arrives.")
    step_batch: Positive = Field(8, description="Steps that a worker claims at once.")
    decode_timeout_s: Positive = Field(60, description="Wall-clock seconds that decoding one file may take.")
    decode_memory_bytes: Positive = Field(2 * GIB, description="Address space of one decoder process, in bytes.")
    clamav_address: str = Field(
        "",
        description="Where a ClamAV daemon listens that every upload is shown to, unix:/run/clamav/clamd.ctl or "
        "tcp://host:port; nothing is let in while it is away. Empty: none.",
    )
    clamav_timeout_s: Positive = Field(
        120, description="Seconds for which the ClamAV daemon may be silent before it counts as away."
    )
    log_level: LogLevel = Field("info", description="Least severity that is logged: debug, info, warning or error.")
    metrics_token: SecretStr = Field(
        SecretStr(""),
        description="Bearer token with which /metrics is told to other machines; empty: to this machine only.",
    )
    otlp_endpoint: str = Field(
        "",
        description="Address of an OpenTelemetry collector (OTLP over HTTP) that traces are sent to, such as "
        "http://127.0.0.1:4318; needs requirements/traces.lock. Empty: no traces.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over file; nothing else is read."""
        del settings_cls, dotenv_settings, file_secret_settings
        return (env_settings, init_settings)

    @field_validator("clamav_address")
    @classmethod
    def _is_address(cls, value: str) -> str:
        return str(parse_address(value)) if value else ""

    @model_validator(mode="after")
    def _owner_url_needs_url(self) -> Self:
        if self.database_owner_url.get_secret_value() and not self.database_url.get_secret_value():
            raise ValueError("DATABASE_OWNER_URL is set without DATABASE_URL")
        return self

    @property
    def embedded_database(self) -> bool:
        """Whether this node runs its own PostgreSQL."""
        return not self.database_url.get_secret_value()


class _SettingsOfArguments(Settings):
    """The same settings, from arguments alone."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments only."""
        del settings_cls
        return (init_settings,)


def read_settings_file() -> dict[str, Any]:
    """Return the settings file's content, empty where there is none.

    Raises:
        SettingsError: The file is named but missing, or is not TOML.
    """
    named = os.environ.get("AFTERGLOW_CONFIG")
    data_dir = Path(os.environ.get("AFTERGLOW_DATA_DIR") or default_data_dir())
    path = Path(named) if named else data_dir / "afterglow.toml"
    if not path.exists():
        if named:
            raise SettingsError(f"AFTERGLOW_CONFIG names {path}, which does not exist")
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error


def load_settings(**overrides: Any) -> Settings:
    """Return the settings of this process.

    Args:
        overrides: Values that win over environment and file (command-line options).

    Raises:
        SettingsError: A value is missing, unknown or out of range; the message names the setting.
    """
    try:
        settings = Settings(**read_settings_file())
        if overrides:
            # Options win over the environment, which would win over arguments.
            settings = _SettingsOfArguments(**(settings.model_dump() | overrides))
    except ValidationError as error:
        lines = [f"{_name_of(issue['loc'])}: {issue['msg']}" for issue in error.errors()]
        raise SettingsError("; ".join(lines)) from error
    return settings


def _name_of(location: tuple[int | str, ...]) -> str:
    """Return a setting's name as it stands in the file, and in the environment."""
    name = ".".join(map(str, location))
    return f"{name} (AFTERGLOW_{name.upper()})" if name in Settings.model_fields else name or "settings"
