"""`afterglow user`: accounts of the node on this machine, for its operator."""
# ruff: noqa: PLC0415 (commands import what they need when they run: `--help` answers at once)

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from afterglow.kernel.principal import Role

if TYPE_CHECKING:
    from afterglow.features.accounts.service import Account
    from afterglow.infra.db.database import Database

T = TypeVar("T")

app = typer.Typer(help="Accounts of the node on this machine.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(help="The account's e-mail address.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line instead of text.")]


@app.command("list")
def list_users(*, as_json: AsJson = False) -> None:
    """List all accounts, oldest first."""
    from afterglow.features.accounts.service import list_accounts

    for account in with_database(lambda database: database.run((), list_accounts, read_only=True)):
        typer.echo(json.dumps(describe(account)) if as_json else f"{account.email}  {account.role}  {account.name}")


@app.command()
def add(
    email: Email,
    *,
    name: Annotated[str | None, typer.Option(help="Name to show; the address if left out.")] = None,
    role: Annotated[Role, typer.Option(help="What the account may do to the server.")] = Role.MEMBER,
    as_json: AsJson = False,
) -> None:
    """Make an account; its password is asked for, or comes from AFTERGLOW_PASSWORD."""
    from afterglow.features.accounts.service import WantedAccount, create_user
    from afterglow.infra.crypto.passwords import Passwords

    wanted = WantedAccount(email=email, name=name or email, password=ask_password(), role=role)
    account = with_database(lambda database: create_user(database, Passwords(), wanted))
    typer.echo(json.dumps(describe(account)) if as_json else f"{account.email} is now a {account.role}.")


@app.command("reset-password")
def reset(email: Email, *, as_json: AsJson = False) -> None:
    """Give an account a new password and end its sessions; it is asked for, or comes from AFTERGLOW_PASSWORD."""
    from afterglow.features.accounts.service import reset_password
    from afterglow.infra.crypto.passwords import Passwords

    password = ask_password()
    ended = with_database(lambda database: reset_password(database, Passwords(), email, password))
    told = {"email": email, "sessionsEnded": ended}
    typer.echo(json.dumps(told) if as_json else f"{email} has a new password; sessions ended: {ended}.")


def ask_password() -> str:
    """Return the password of AFTERGLOW_PASSWORD, else one that is typed twice."""
    given = os.environ.get("AFTERGLOW_PASSWORD")
    return given or str(typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True))


def describe(account: "Account") -> dict[str, object]:
    """Return what is told of an account, in the style of the HTTP interface."""
    return {
        "id": str(account.id),
        "email": account.email,
        "name": account.name,
        "role": account.role.value,
        "createdAt": account.created_at.isoformat(),
        "disabledAt": account.disabled_at.isoformat() if account.disabled_at else None,
    }


def with_database(use: Callable[["Database"], Awaitable[T]]) -> T:
    """Return what a function of this node's database returns.

    Raises:
        UnavailableError: The database is away; the node has to run.
    """
    from afterglow.bootstrap import open_node
    from afterglow.config import load_settings

    async def run() -> T:
        async with open_node(load_settings(), "cli", max_connections=1) as node:
            return await use(node.database)

    return asyncio.run(run())
