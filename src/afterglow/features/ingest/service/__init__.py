"""Use cases of ingest: the one door, the sweep behind it, receipts, and the end of a purge."""

from afterglow.features.ingest.service.door import REFUSALS, Also, accept, find_settled, nothing_else, settle
from afterglow.features.ingest.service.metadata import facts_of, refresh_metadata, taken_of
from afterglow.features.ingest.service.ports import IngestPorts, lock_key
from afterglow.features.ingest.service.purging import PurgePorts, finish_purges
from afterglow.features.ingest.service.receipts import list_receipts, receipt_of
from afterglow.features.ingest.service.sweeping import STRAY_ORIGINAL_AGE, checksum_of, sweep_originals
from afterglow.infra.storage.port import original_key

__all__ = [
    "REFUSALS",
    "STRAY_ORIGINAL_AGE",
    "Also",
    "IngestPorts",
    "PurgePorts",
    "accept",
    "checksum_of",
    "facts_of",
    "find_settled",
    "finish_purges",
    "list_receipts",
    "lock_key",
    "nothing_else",
    "original_key",
    "receipt_of",
    "refresh_metadata",
    "settle",
    "sweep_originals",
    "taken_of",
]
