"""What a file says about itself: a bounded, pure-Python reader for bytes that nobody vouches for."""

from afterglow.infra.imaging.metadata.model import EMPTY, Metadata, TagValue
from afterglow.infra.imaging.metadata.reader import inspect_picture, read_metadata

__all__ = ["EMPTY", "Metadata", "TagValue", "inspect_picture", "read_metadata"]
