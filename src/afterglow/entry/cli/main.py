"""The commands of `afterglow`, and what their options mean."""
# ruff: noqa: PLC0415 (commands import what they need when they run: `--help` answers at once)

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from afterglow import __version__
from afterglow.entry.cli import user
from afterglow.kernel.errors import AfterglowError

app = typer.Typer(
    name="afterglow",
    help="A self-hosted photo platform: originals stay at home, and nothing is lost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(user.app, name="user")

DataDir = Annotated[Path | None, typer.Option(help="Folder that holds everything (AFTERGLOW_DATA_DIR).")]
Server = Annotated[
    str | None,
    typer.Option(envvar="AFTERGLOW_SERVER", help="Address of the server; that of the last login if left out."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line instead of text.")]
Email = Annotated[
    str | None, typer.Option(help="Log in as this account; the password is asked for, or AFTERGLOW_PASSWORD.")
]


def main() -> None:
    """Run the command that the arguments name; an error that Afterglow knows becomes one line and exit code 1."""
    try:
        app(prog_name="afterglow")
    except AfterglowError as error:
        sys.stderr.write(f"afterglow: {error.message}\n")
        sys.exit(1)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"afterglow {__version__}")
        raise typer.Exit


@app.callback()
def _afterglow(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    del version


@app.command()
def up(
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (AFTERGLOW_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port to listen on (AFTERGLOW_PORT).")] = None,
) -> None:
    """Start the whole node and keep it running: database, web server, workers. Ctrl-C stops it."""
    from afterglow.config import load_settings
    from afterglow.entry.supervise.run import supervise

    set_environment(data_dir=data_dir, host=host, port=port)
    raise typer.Exit(supervise(load_settings()))


@app.command()
def doctor(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Look at everything that the node on this machine needs; exit code 1 if something is wrong."""
    from afterglow.entry.cli.doctor import examine, show

    set_environment(data_dir=data_dir)
    findings = examine()
    show(findings, as_json=as_json)
    raise typer.Exit(1 if any(finding.is_failure for finding in findings) else 0)


@app.command()
def login(server: Server = None, email: Email = None) -> None:
    """Log in to a server and remember it, for `afterglow upload`."""
    from afterglow.entry.cli.login import log_in_and_remember

    log_in_and_remember(server, email)


@app.command()
def upload(
    paths: Annotated[list[Path], typer.Argument(exists=True, help="Files, and folders with everything below them.")],
    *,
    server: Server = None,
    token: Annotated[str | None, typer.Option(envvar="AFTERGLOW_TOKEN", help="Access token to use.")] = None,
    email: Email = None,
    parallel: Annotated[int, typer.Option(min=1, max=16, help="Files uploaded at the same time.")] = 4,
    as_json: AsJson = False,
) -> None:
    """Upload photos and videos; what the server already has is skipped, what was interrupted goes on."""
    from afterglow.entry.cli.login import connect
    from afterglow.entry.cli.upload.run import upload_paths

    with connect(server, token=token, email=email) as api:
        raise typer.Exit(upload_paths(api, paths, parallel=parallel, as_json=as_json))


def set_environment(**options: object) -> None:
    """Turn options into settings of the environment, which the processes that are started read too."""
    for name, value in options.items():
        if value is not None:
            absolute = value.expanduser().absolute() if isinstance(value, Path) else value
            os.environ[f"AFTERGLOW_{name.upper()}"] = str(absolute)
