"""What accounts refuse."""

from afterglow.kernel.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
)


class ServerNotStartedError(UnavailableError):
    """This server has no identity yet; its first start has not finished."""

    code = "server.not-started"


class AlreadyClaimedError(ConflictError):
    """This server has an owner already; log in, or ask the owner for an account."""

    code = "server.already-claimed"


class WrongClaimCodeError(ForbiddenError):
    """This is not the server's claim code; it is printed at start and kept in its data folder as claim-code."""

    code = "server.wrong-code"


class EmailInvalidError(InvalidError):
    """This is not an e-mail address."""

    code = "account.email-invalid"


class RoleInvalidError(InvalidError):
    """New accounts are of an administrator or a member; the owner is made by claiming the server."""

    code = "account.role-invalid"


class NameInvalidError(InvalidError):
    """A name has 1 to 200 characters, none of them a control character."""

    code = "account.name-invalid"


class PasswordRefusedError(InvalidError):
    """This password can't be used."""

    code = "account.password-refused"


class EmailTakenError(ConflictError):
    """There is an account with this e-mail address."""

    code = "account.email-taken"


class AccountNotFoundError(NotFoundError):
    """There is no such account."""

    code = "account.not-found"


class AccountRoleForbiddenError(ForbiddenError):
    """Only the owner and administrators may do this."""

    code = "account.role-forbidden"


class WrongCredentialsError(UnauthenticatedError):
    """E-mail address or password is wrong."""

    code = "auth.wrong-credentials"


class AccountDisabledError(ForbiddenError):
    """This account is disabled."""

    code = "auth.account-disabled"


class TooManyAttemptsError(TooManyRequestsError):
    """Too many attempts; wait a little."""

    code = "auth.too-many-attempts"


class AccessTokenInvalidError(UnauthenticatedError):
    """The access token is not valid here."""

    code = "auth.token-invalid"


class SessionEndedError(UnauthenticatedError):
    """This session has ended; log in again."""

    code = "auth.session-ended"


class RefreshInvalidError(UnauthenticatedError):
    """The refresh token is not known; log in again."""

    code = "auth.refresh-invalid"


class RefreshReusedError(UnauthenticatedError):
    """This refresh token was used before, so it may have been stolen; the session has been ended, log in again."""

    code = "auth.refresh-reused"


class SessionNotFoundError(NotFoundError):
    """You have no such session."""

    code = "auth.session-not-found"


class SessionNeededError(ForbiddenError):
    """This needs a logged-in session; other credentials are not enough."""

    code = "auth.session-needed"


class CrossSiteError(ForbiddenError):
    """This request seems to come from another site; requests with cookies need the header X-Afterglow-Client."""

    code = "auth.cross-site"
