"""What can go wrong between the command line and a server.

AfterglowError
├── ServerRefusedError      the server said no, and why
└── UnavailableError
    └── ServerAwayError         no answer, or "not now": worth another try
UnauthenticatedError
└── NotLoggedInError        no login that could be used
"""

from collections.abc import Mapping

from afterglow.kernel.errors import AfterglowError, UnauthenticatedError, UnavailableError


class ServerAwayError(UnavailableError):
    """The server does not answer."""

    code = "cli.server-away"

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ServerRefusedError(AfterglowError):
    """The server refused."""

    code = "cli.server-refused"

    def __init__(self, status: int, problem: Mapping[str, object]) -> None:
        """Keep an RFC 9457 problem, or what could be read of one.

        Args:
            status: HTTP status.
            problem: Its members; empty where the answer was none.
        """
        words = problem.get("detail") or problem.get("title") or f"the server answered {status}"
        super().__init__(str(words))
        self.status = status
        self.problem = problem

    @property
    def problem_code(self) -> str:
        """The problem's stable code; empty where the answer had none."""
        return str(self.problem.get("code", ""))


class NotLoggedInError(UnauthenticatedError):
    """Log in first: afterglow login."""

    code = "cli.not-logged-in"
