"""Use cases of uploads: sessions that resume, and one plain file."""

from afterglow.features.uploads.service.plain import accept_file, discard_file, receive_file, require_room_for_file
from afterglow.features.uploads.service.ports import UploadLimits, UploadPorts
from afterglow.features.uploads.service.sessions import (
    OpenedSession,
    abort,
    append,
    complete,
    get_session,
    open_session,
)
from afterglow.features.uploads.service.sweeping import sweep

__all__ = [
    "OpenedSession",
    "UploadLimits",
    "UploadPorts",
    "abort",
    "accept_file",
    "append",
    "complete",
    "discard_file",
    "get_session",
    "open_session",
    "receive_file",
    "require_room_for_file",
    "sweep",
]
