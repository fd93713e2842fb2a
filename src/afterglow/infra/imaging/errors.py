"""What can be wrong with a picture, or with the process that decodes it.

CorruptError          ── UndecodableError         the bytes hold no picture; never tried again
TooLargeError         ── TooManyPixelsError       refused before any decode
UnsupportedTypeError  ── UnsupportedFormatError   kept, but not decoded by this version
AfterglowError        ─┬ DecoderDiedError         crashed or ran out of memory; a few attempts
                       └ DecoderTimeoutError      hung; a few attempts
UnavailableError      ─┬ DecoderUnavailableError  no decoder process can be started, or it is being closed
                       ├ SourceUnreadableError    the original's disk does not answer
                       └ OutputUnwritableError    the derivatives' disk does not take them
"""

from afterglow.kernel.errors import (
    AfterglowError,
    CorruptError,
    TooLargeError,
    UnavailableError,
    UnsupportedTypeError,
)


class UndecodableError(CorruptError):
    """The file holds no picture that can be decoded."""

    code = "image.undecodable"


class TooManyPixelsError(TooLargeError):
    """The picture has more pixels than allowed."""

    code = "image.too-many-pixels"


class UnsupportedFormatError(UnsupportedTypeError):
    """This version keeps files of this format but does not decode them."""

    code = "format.unsupported"


class DecoderDiedError(AfterglowError):
    """The decoder crashed or ran out of memory."""

    code = "decoder.died"


class DecoderTimeoutError(AfterglowError):
    """The decoder did not finish in time."""

    code = "decoder.timeout"


class DecoderUnavailableError(UnavailableError):
    """No decoder process is available."""

    code = "decoder.unavailable"


class SourceUnreadableError(UnavailableError):
    """The original cannot be read now."""

    code = "image.unreadable"


class OutputUnwritableError(UnavailableError):
    """Derivatives cannot be written now."""

    code = "derivative.unwritable"
