"""Use cases of accounts.

Those that take a `Tx` are part of the caller's transaction. Those that take the `Database` open their own, because they
work for somebody who is not known before, because a password's hash is too slow to be computed inside one, or because
what they write must stay although they fail.
"""

from afterglow.features.accounts.models import Account, Claimed, Client, OpenedSession, ServerStart, WantedAccount
from afterglow.features.accounts.service.attempts import AttemptLimiter, AttemptLimits
from afterglow.features.accounts.service.claiming import CLAIM_CODE_FILE, claim_server, ensure_server, get_server
from afterglow.features.accounts.service.ports import AccountPorts, NodeFacts
from afterglow.features.accounts.service.sessions import (
    authenticate,
    end_session,
    list_sessions,
    log_in,
    log_out,
    log_out_token,
    refresh,
)
from afterglow.features.accounts.service.users import (
    create_user,
    create_user_as,
    get_account,
    list_accounts,
    list_accounts_as,
    reset_password,
)

__all__ = [
    "CLAIM_CODE_FILE",
    "Account",
    "AccountPorts",
    "AttemptLimiter",
    "AttemptLimits",
    "Claimed",
    "Client",
    "NodeFacts",
    "OpenedSession",
    "ServerStart",
    "WantedAccount",
    "authenticate",
    "claim_server",
    "create_user",
    "create_user_as",
    "end_session",
    "ensure_server",
    "get_account",
    "get_server",
    "list_accounts",
    "list_accounts_as",
    "list_sessions",
    "log_in",
    "log_out",
    "log_out_token",
    "refresh",
    "reset_password",
]
