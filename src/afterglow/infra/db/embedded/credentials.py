"""The roles of the embedded database, and their passwords."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from afterglow.infra.storage.whole_files import PRIVATE_FOLDER, write_durably
from afterglow.kernel.errors import CorruptError

SUPERUSER = "postgres"
"""Sets the node up; nothing that serves people connects as this role."""
OWNER_ROLE = "afterglow_owner"
"""Owns the database and its tables; migrations run as this role."""
APP_ROLE = "afterglow_app"
"""Owns nothing, so that row-level security binds it; everything else runs as this role."""
ROLES = (SUPERUSER, OWNER_ROLE, APP_ROLE)
DATABASE = "afterglow"

PASSWORD_BYTES = 32


def load_credentials(path: Path) -> dict[str, str]:
    """Return the password of each role on file, maybe none.

    Raises:
        CorruptError: The file is not what was written.
    """
    try:
        credentials = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise _unreadable(path) from error
    if not isinstance(credentials, dict) or not all(isinstance(value, str) for value in credentials.values()):
        raise _unreadable(path)
    return credentials


def _unreadable(path: Path) -> CorruptError:
    return CorruptError(f"{path} does not hold the database's passwords; delete it, and the next start makes new ones")


def ensure_credentials(path: Path) -> dict[str, str]:
    """Return a password for each role, made and kept (durably, for this user only) where one is missing.

    Raises:
        CorruptError: The file is not what was written.
    """
    credentials = load_credentials(path)
    missing = [role for role in ROLES if role not in credentials]
    if missing:
        credentials |= {role: secrets.token_urlsafe(PASSWORD_BYTES) for role in missing}
        path.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        write_durably(path, json.dumps(credentials, indent=2).encode())
    return credentials


def fingerprint(credentials: Mapping[str, str]) -> str:
    """Return a digest that changes with any password and tells none (each has 256 random bits)."""
    return hashlib.sha256(json.dumps(credentials, sort_keys=True).encode()).hexdigest()
