"""The server's own keys: made once, at the first start, and kept in the secrets folder.

`signing-key.pem` is the Ed25519 key that signs access tokens; `secret.hex` holds 32 random bytes from which the keys of
message authentication are derived, one per purpose. Who loses them ends all sessions and links, no photo.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from afterglow.kernel.errors import CorruptError

SIGNING_KEY_FILE = "signing-key.pem"
SECRET_FILE = "secret.hex"  # noqa: S105 - a file's name
SECRET_BYTES = 32

_FILE_MODE = 0o600
_FOLDER_MODE = 0o700


class BadKeyFileError(CorruptError):
    """A key file of the server is damaged; restore it from a backup, or remove it to end all sessions and links."""

    code = "keys.bad-file"


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """The keys of this server; never logged."""

    signing_key: Ed25519PrivateKey = field(repr=False)
    secret: bytes = field(repr=False)

    @classmethod
    def load_or_create(cls, secrets_dir: Path) -> Self:
        """Return the server's keys, made now if this is the first start; blocks.

        Processes that start at the same time agree: one makes a key, the others read it. Files are whole or absent,
        of mode 0600.

        Raises:
            BadKeyFileError: A file does not hold a key.
            OSError: The folder can't be read or written.
        """
        secrets_dir.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        pem = _read_or_create(secrets_dir / SIGNING_KEY_FILE, _make_signing_key)
        digits = _read_or_create(secrets_dir / SECRET_FILE, _make_secret)
        return cls(signing_key=_parse_signing_key(pem), secret=_parse_secret(digits))

    @property
    def public_key(self) -> Ed25519PublicKey:
        """Return the key that others verify access tokens with."""
        return self.signing_key.public_key()

    def secret_for(self, purpose: str) -> bytes:
        """Return 32 secret bytes for one purpose ("signed-urls"), unrelated to those for any other.

        References:
            RFC 5869, section 2.3: HKDF-Expand with SHA-256, one block; the secret is uniformly random already.
        """
        return hmac.new(self.secret, purpose.encode() + b"\x01", hashlib.sha256).digest()


def _make_signing_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _parse_signing_key(pem: bytes) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise BadKeyFileError(file=SIGNING_KEY_FILE) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKeyFileError(file=SIGNING_KEY_FILE)
    return key


def _make_secret() -> bytes:
    return secrets.token_hex(SECRET_BYTES).encode() + b"\n"


def _parse_secret(digits: bytes) -> bytes:
    try:
        secret = bytes.fromhex(digits.decode("ascii").strip())
    except ValueError as error:
        raise BadKeyFileError(file=SECRET_FILE) from error
    if len(secret) != SECRET_BYTES:
        raise BadKeyFileError(file=SECRET_FILE)
    return secret


def _read_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    if not path.exists():
        _create_once(path, make())
    path.chmod(_FILE_MODE)  # a restored backup may have opened it to others
    return path.read_bytes()


def _create_once(path: Path, content: bytes) -> None:
    """Make a durable file appear whole under its name, unless another process was faster."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, _FILE_MODE)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, made with its mode
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return
        _sync_folder(path.parent)
    finally:
        temporary.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
