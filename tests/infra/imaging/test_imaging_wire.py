import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.infra.imaging import wire
from afterglow.infra.imaging.metadata import Metadata
from afterglow.infra.imaging.port import DERIVATIVE_NAMES, Derivative, DeriveResult

FOLDER = Path("derivatives")
METADATA = Metadata(
    width=4000,
    height=3000,
    taken_local=datetime(2023, 7, 9, 20, 36, 33, 616_000),
    offset_minutes=480,
    taken_source="exif",
    latitude=22.53,
    longitude=114.02,
    gps_utc=datetime(2023, 7, 9, 12, 36, 33, tzinfo=UTC),
    camera_make="vivo",
    keywords=("lake", "été"),
    tags={"EXIF:FNumber": "175/100", "EXIF:0xfde8": [1, 2.5, None], "EXIF:MakerNote": {"bytes": 9}},
    notes=("gps.zero",),
)
RESULT = DeriveResult(
    width=4000,
    height=3000,
    derivatives=tuple(Derivative(name, FOLDER / f"{name}.jpg", "image/jpeg", 40, 30, 999) for name in DERIVATIVE_NAMES),
    placeholder=b"\1\2\3\4\5\6",
    perceptual_hash=b"12345678",
    damaged="Premature end",
)


def travelled(message: wire.Message) -> wire.Message:
    framed = wire.frame(message)
    length = wire.body_length(framed[: wire.LENGTH.size])
    assert length == len(framed) - wire.LENGTH.size
    return wire.parse(framed[wire.LENGTH.size :])


def test_results_arrive_as_they_were_sent() -> None:
    assert wire.result_from_wire(travelled(wire.result_to_wire(RESULT)), FOLDER) == RESULT
    for metadata in (METADATA, Metadata()):
        assert wire.metadata_from_wire(travelled(wire.metadata_to_wire(metadata))) == metadata


@pytest.mark.req("DER-5")
@pytest.mark.parametrize(
    "change",
    [
        {"width": 0},
        {"width": True},
        {"width": "4000"},
        {"derivatives": []},
        {"derivatives": [["../../etc/passwd", "jpg", 1, 1, 1]] * 6},
        {"derivatives": [[name, "jpg/../../x", 1, 1, 1] for name in DERIVATIVE_NAMES]},
        {"derivatives": [[name, "jpg", 1, 1] for name in DERIVATIVE_NAMES]},
        {"derivatives": [[name, ["jpg"], 1, 1, 1] for name in DERIVATIVE_NAMES]},
        {"placeholder": "zz"},
        {"placeholder": ""},
        {"placeholder": "00" * 65},
        {"perceptual_hash": "00"},
        {"damaged": "NUL \0"},
        {"damaged": 7},
    ],
)
def test_a_lying_child_is_not_believed(change: dict) -> None:
    with pytest.raises(wire.ProtocolError):
        wire.result_from_wire(wire.result_to_wire(RESULT) | change, FOLDER)


@pytest.mark.req("DER-5")
@pytest.mark.parametrize(
    "change",
    [
        {"camera_make": "a\0b"},
        {"camera_make": "\ud800"},
        {"camera_make": 5},
        {"orientation": None},
        {"iso": True},
        {"latitude": float("nan")},
        {"latitude": float("inf")},
        {"taken_local": "yesterday"},
        {"keywords": "lake"},
        {"keywords": [1]},
        {"notes": ["\0"]},
        {"tags": []},
        {"tags": {"a": "\0"}},
        {"tags": {"\ud800": 1}},
        {"tags": {"a": float("nan")}},
        {"tags": {"a": [[[[[[[[[[1]]]]]]]]]]}},
    ],
)
def test_metadata_that_cannot_be_stored_is_refused(change: dict) -> None:
    with pytest.raises(wire.ProtocolError):
        wire.metadata_from_wire(wire.metadata_to_wire(METADATA) | change)


@pytest.mark.req("DER-5")
@given(
    st.one_of(
        st.binary(max_size=200), st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps(x).encode())
    )
)
def test_any_body_is_a_message_or_refused(body: bytes) -> None:
    try:
        message = wire.parse(body)
    except wire.ProtocolError:
        return
    with pytest.raises(wire.ProtocolError):
        wire.result_from_wire(message, FOLDER)


def test_frames_are_bounded() -> None:
    with pytest.raises(wire.ProtocolError):
        wire.body_length(wire.LENGTH.pack(wire.MAX_FRAME_BYTES + 1))
    with pytest.raises(wire.ProtocolError):
        wire.parse(b"[" * 100_000)
