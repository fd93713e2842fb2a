"""The fault points that these tests drive a process to; one that is missing here fails a test."""

from afterglow.features.pipeline.rules import DERIVE, METADATA, SIDECAR

INGEST = (
    "spool.part-opened",
    "spool.part-written",
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
TRASH = ("trash.before-commit", "trash.after-commit")
"""Passed by every call that puts photos into the trash or takes them out."""
MARK = ("purge.before-mark", "purge.after-mark")
"""Passed by every call that begins a purge."""
PURGE = (
    "purge.before-rows",
    "purge.after-rows",
    "purge.after-forget",
    DELETE,
    "purge.after-bytes",
    "purge.after-files",
)
"""Passed by a worker that carries a purge out, in this order; the store's own only where nobody uses the original."""
REPLACE = ("ingest.after-doubt", "store.after-aside", "store.before-instead")
"""Passed by an upload whose original lies in the store and is rotten."""
OPEN = "upload.after-open"
"""Passed by every session that is opened."""
DISCARD = "spool.after-discard"
"""Passed where an upload's bytes are thrown away: it was aborted, refused, began anew or expired."""
EXPIRY = "upload.after-expiry"
"""Passed by the sweep of uploads once it has forgotten the sessions whose time is over."""
SIDECARS = ("sidecar.before-rename", "sidecar.after-rename")
"""Passed by a worker that writes a sidecar."""
EVICT = "cache.after-remove"
"""Passed by the eviction of derivatives after each photo."""
