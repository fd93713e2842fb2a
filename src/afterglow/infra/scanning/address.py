"""Where a scanner listens; pure."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A socket in the file system."""

    path: str

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A port of a host."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"tcp://[{self.host}]:{self.port}" if ":" in self.host else f"tcp://{self.host}:{self.port}"


Address = UnixAddress | TcpAddress


def parse_address(text: str) -> Address:
    """Return the address that is written `unix:/path` or `tcp://host:port`.

    Raises:
        ValueError: It is neither.
    """
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not PurePosixPath(path).is_absolute() or "\0" in path:
            raise ValueError(f"{text!r}: a socket is named by its absolute path, as in unix:/run/clamav/clamd.ctl")
        return UnixAddress(path)
    parts = urlsplit(text)
    is_bare = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme == "tcp" and parts.hostname and parts.port and is_bare:
        return TcpAddress(parts.hostname, parts.port)
    raise ValueError(f"{text!r} is neither unix:/path nor tcp://host:port")
