"""What downloads need of the outside."""

from dataclasses import dataclass
from datetime import timedelta

from afterglow.features.derivatives.service import DerivativeCache
from afterglow.infra.storage.port import ObjectStore

ARCHIVE_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class DownloadPorts:
    """What downloads need of the outside.

    Attributes:
        url_secret: Key that signs URLs.
        archive_life: How long an archive can be downloaded after it was ordered.
    """

    store: ObjectStore
    cache: DerivativeCache
    url_secret: bytes
    archive_life: timedelta = ARCHIVE_LIFE
