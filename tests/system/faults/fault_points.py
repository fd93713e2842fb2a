"""The fault points that these tests drive a process to; one that is missing here fails a test."""

from afterglow.features.pipeline.rules import DERIVE, METADATA, SIDECAR

INGEST = (
    "spool.after-sync",
    "spool.sealed",
    "ingest.after-seal",
    "store.before-link",
    "store.after-link",
    "store.after-unlink",
    "ingest.after-put",
    "ingest.before-commit",
    "ingest.after-commit",
)
"""Passed by every file that becomes a photo, in this order."""
PARTS = ("spool.part-synced", "upload.after-sync", "upload.after-offset")
"""Passed by every part of an upload in parts."""
COPY = "store.after-copy"
"""Passed where an original cannot be linked into place."""
DELETE = "store.after-delete"
"""Passed by the sweep where it removes an original that no row names."""
STEPS = tuple(
    f"step.{step.name}.{moment}"
    for step in (METADATA, DERIVE, SIDECAR)
    for moment in ("started", "before-commit", "after-commit")
)
"""Passed by a worker in the runs of each step."""
