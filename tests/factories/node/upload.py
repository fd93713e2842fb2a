"""Many files, several clients at once, and something that happens at numbered points of progress."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from factories.node.client import Acknowledged, NodeClient, PhotoFile

CLIENTS = 4

Event = Callable[[], None]


def upload_all(
    open_client: Callable[[], NodeClient], files: Sequence[PhotoFile], events: Mapping[int, Event] | None = None
) -> list[Acknowledged]:
    """Upload files by four clients, alternately as forms and in parts; return what the server acknowledged.

    Args:
        open_client: Opens a client for each of the four.
        files: What to upload; each goes to one of the clients.
        events: What happens right after so many acknowledgements, while the other clients go on.
    """
    progress = _Progress(events or {})
    with ThreadPoolExecutor(CLIENTS) as clients:
        shares = [files[number::CLIENTS] for number in range(CLIENTS)]
        running = [clients.submit(_upload_share, open_client, share, progress) for share in shares]
        return [acknowledged for share in running for acknowledged in share.result()]


class _Progress:
    """Counts acknowledgements over all clients; one event happens at a time."""

    def __init__(self, events: Mapping[int, Event]) -> None:
        self._events = events
        self._count = 0
        self._lock = threading.Lock()
        self._happening = threading.Lock()

    def note(self) -> None:
        with self._lock:
            self._count += 1
            event = self._events.get(self._count)
        if event:
            with self._happening:
                event()


def _upload_share(
    open_client: Callable[[], NodeClient], files: Sequence[PhotoFile], progress: _Progress
) -> list[Acknowledged]:
    acknowledged = []
    with open_client() as client:
        for number, file in enumerate(files):
            upload = client.upload_plain if number % 2 else client.upload_in_parts
            acknowledged.append(upload(file))
            progress.note()
    return acknowledged
