"""Use cases of uploads: sessions that resume, one plain file, and receipts."""

from afterglow.features.uploads.service.appending import Chunk, append
from afterglow.features.uploads.service.completing import Completed, advance, complete, settle
from afterglow.features.uploads.service.plain import (
    ReceivedFile,
    accept_file,
    discard_file,
    receive_file,
    require_room_for_file,
)
from afterglow.features.uploads.service.ports import UploadLimits, UploadPorts
from afterglow.features.uploads.service.quota import get_usage
from afterglow.features.uploads.service.receipts import KnownReceipt, list_receipts, list_sizes
from afterglow.features.uploads.service.sessions import OpenedSession, abort, get_session, open_session
from afterglow.features.uploads.service.sweeping import sweep

__all__ = [
    "Chunk",
    "Completed",
    "KnownReceipt",
    "OpenedSession",
    "ReceivedFile",
    "UploadLimits",
    "UploadPorts",
    "abort",
    "accept_file",
    "advance",
    "append",
    "complete",
    "discard_file",
    "get_session",
    "get_usage",
    "list_receipts",
    "list_sizes",
    "open_session",
    "receive_file",
    "require_room_for_file",
    "settle",
    "sweep",
]
