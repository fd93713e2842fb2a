"""Wire types of administration."""

from typing import Literal

from afterglow.infra.web.schemas import WireModel


class LiveOut(WireModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class PartOut(WireModel):
    """A part of the node."""

    name: str
    ok: bool
    problem: str | None


class ReadyOut(WireModel):
    """Whether the node can do its work, part by part."""

    status: Literal["ok", "ill"]
    parts: list[PartOut]
