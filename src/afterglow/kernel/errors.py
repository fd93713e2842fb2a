"""The one tree of errors.

    AfterglowError
    ├── NotFoundError            no such thing, or none that the caller may see
    ├── ConflictError            the state of the thing forbids it now
    ├── InvalidError             the request contradicts the contract
    │   └── UnsupportedTypeError     bytes of a kind that is not taken
    ├── UnauthenticatedError     nobody, or a proof that does not hold
    ├── ForbiddenError           somebody, who may not
    ├── LimitReachedError        a bound that a person or the operator set
    │   ├── TooLargeError            one thing is larger than allowed
    │   ├── TooManyRequestsError     slow down
    │   └── StorageFullError         no room for the bytes
    ├── UnavailableError         a part that is needed is away; try again later
    └── CorruptError             bytes that are proven wrong; never tried again

`infra.web.problems` maps the tree to RFC 9457 problems, `features.steps.rules` to retry or FAILED.
"""

from typing import ClassVar


class AfterglowError(Exception):
    """Something that Afterglow itself refuses, with a stable code for clients.

    The docstring of a subclass is its default message. `fields` travel to the client beside the code.
    """

    code: ClassVar[str] = "internal"

    def __init__(self, message: str | None = None, **fields: object) -> None:
        self.message = message or self.default_message()
        self.fields = fields
        super().__init__(self.message)

    @classmethod
    def default_message(cls) -> str:
        """Return the first paragraph of the class docstring, on one line."""
        return " ".join((cls.__doc__ or cls.__name__).split("\n\n")[0].split())


class NotFoundError(AfterglowError):
    """No such thing, or none that you may see."""

    code = "not-found"


class ConflictError(AfterglowError):
    """The present state does not allow this."""

    code = "conflict"


class InvalidError(AfterglowError):
    """The request is not valid."""

    code = "invalid"


class UnsupportedTypeError(InvalidError):
    """Files of this type are not taken."""

    code = "unsupported-type"


class UnauthenticatedError(AfterglowError):
    """Log in first."""

    code = "unauthenticated"


class ForbiddenError(AfterglowError):
    """You may not do this."""

    code = "forbidden"


class LimitReachedError(AfterglowError):
    """A limit is reached."""

    code = "limit-reached"


class TooLargeError(LimitReachedError):
    """This is larger than allowed."""

    code = "too-large"


class TooManyRequestsError(LimitReachedError):
    """Too many attempts; wait a little."""

    code = "too-many-requests"


class StorageFullError(LimitReachedError):
    """There is no room left on the server's disk."""

    code = "storage-full"


class UnavailableError(AfterglowError):
    """A part of the server is away; try again later."""

    code = "unavailable"


class CorruptError(AfterglowError):
    """The bytes are damaged."""

    code = "corrupt"
