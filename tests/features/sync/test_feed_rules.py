"""The feed's cursor, and what a page of changes comes down to."""

import contextlib
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.features.changes.errors import CursorExpiredError, ResyncError
from afterglow.features.changes.models import Change, Horizon, Position
from afterglow.features.changes.rules import require_readable, start_at
from afterglow.features.sync.models import FeedCursor, Tombstone
from afterglow.features.sync.rules import collapse, format_cursor, parse_cursor
from afterglow.kernel.ids import PhotoId
from afterglow.kernel.pages import BadCursorError, encode_cursor

pytestmark = pytest.mark.req("SYN-1")

numbers = st.integers(0, 2**63 - 1)
positions = st.builds(Position, numbers, numbers, numbers)
cursors = st.builds(FeedCursor, positions, st.none() | st.uuids().map(PhotoId))


@given(cursors)
def test_a_cursor_comes_back_as_it_was(cursor: FeedCursor) -> None:
    text = format_cursor(cursor)
    assert parse_cursor(text) == cursor
    assert text.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=120))
def test_any_text_is_refused_or_read(text: str) -> None:
    with contextlib.suppress(BadCursorError, ResyncError):
        parse_cursor(text)


@pytest.mark.parametrize(
    "parts",
    [
        ("1", 1, 1, 1, ""), (1, "1", 1, 1, ""), (1, 1, -1, 1, ""), (1, 1, 2**63, 1, ""), (1, 1, 1, 1, "x"),
        (1, 1, 1, 1, 7), (1, 1, 1, 1), (1, 1, 1, 1, "", ""), (),
    ],
)  # fmt: skip
def test_a_cursor_of_a_stranger_is_refused(parts: tuple[str | int, ...]) -> None:
    with pytest.raises(BadCursorError):
        parse_cursor(encode_cursor(*parts))


def test_a_cursor_of_another_version_starts_anew() -> None:
    with pytest.raises(ResyncError):
        parse_cursor(encode_cursor(2, 1, 1, 1, ""))


@given(st.builds(Horizon, numbers, numbers, st.none()))
def test_a_walk_can_go_on_from_where_it_began(horizon: Horizon) -> None:
    require_readable(start_at(horizon), horizon)
    require_readable(
        start_at(horizon), Horizon(horizon.epoch, horizon.xid + 5, Position(horizon.epoch, horizon.xid - 1, 9))
    )


@pytest.mark.parametrize(
    ("position", "refusal"),
    [
        (Position(2, 50, 3), None),
        (Position(2, 40, 7), None),  # exactly the floor: nothing behind it was pruned
        (Position(2, 40, 6), CursorExpiredError),
        (Position(2, 39, 9), CursorExpiredError),
        (Position(2, 100, 0), None),
        (Position(2, 101, 0), ResyncError),
        (Position(1, 50, 3), ResyncError),
        (Position(3, 50, 3), ResyncError),
    ],
)
def test_who_may_go_on(position: Position, refusal: type[Exception] | None) -> None:
    horizon = Horizon(2, 100, Position(2, 40, 7))
    if refusal is None:
        require_readable(position, horizon)
    else:
        with pytest.raises(refusal):
            require_readable(position, horizon)


def test_the_floor_of_a_former_epoch_holds_nobody_up() -> None:
    require_readable(Position(2, 1, 1), Horizon(2, 100, Position(1, 10**6, 7)))


class TestCollapse:
    A, B = UUID(int=1), UUID(int=2)

    def change(self, seq: int, entity_id: UUID, kind: str = "photo") -> Change:
        data = {"type": "photo", "id": str(entity_id), "reason": "purged"} if kind == "tombstone" else None
        return Change(Position(1, 1, seq), kind, entity_id, data, datetime(2024, 1, 1, tzinfo=UTC))

    def test_each_thing_is_told_once_in_the_order_of_last_changes(self) -> None:
        changes = [self.change(1, self.A), self.change(2, self.B), self.change(3, self.A)]
        assert collapse(changes, {self.A: "a", self.B: "b"}) == ["b", "a"]

    @pytest.mark.parametrize("kinds", [("photo", "tombstone"), ("tombstone", "photo"), ("tombstone",)])
    def test_what_has_gone_is_a_tombstone_whatever_the_order(self, kinds: tuple[str, ...]) -> None:
        (item,) = collapse([self.change(seq, self.A, kind) for seq, kind in enumerate(kinds)], {})
        assert isinstance(item, Tombstone)
        assert item.data["reason"] == "purged"

    def test_what_has_gone_and_is_told_elsewhere_is_left_out(self) -> None:
        assert collapse([self.change(1, self.A)], {}) == []

    def test_what_is_there_again_is_no_tombstone(self) -> None:
        assert collapse([self.change(1, self.A, "tombstone")], {self.A: "a"}) == ["a"]
