"""Write the reference pages that follow from the code: settings, errors, steps and schedules, metrics, command line.

    .venv/bin/python tools/reference_pages.py [--check]      (`make fix` runs it)

With `--check` nothing is written; the exit code says whether the pages are current. A setting, error, step, metric or
command without a description fails.
"""

import importlib
import os
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic_core import PydanticUndefined

import afterglow
from afterglow.bootstrap import PROBLEM_STATUSES
from afterglow.config import Settings
from afterglow.entry.cli.main import app as cli
from afterglow.features.pipeline.rules import DEFINITIONS
from afterglow.infra.telemetry.catalogue import CATALOGUE
from afterglow.infra.web.problems import STATUSES
from afterglow.kernel.errors import AfterglowError

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "reference"
GENERATED = "<!-- written by tools/reference_pages.py; `make fix` writes it anew -->\n\n"
# Chosen at start from the machine, so that the page doesn't depend on where it was written.
COMPUTED = {
    "data_dir": "`~/.local/share/afterglow`; for root `/var/lib/afterglow`",
    "decoders": "number of cores",
}
ALIASES = {"database_url": "DATABASE_URL", "database_owner_url": "DATABASE_OWNER_URL"}
SETTINGS_HEAD = f"""# Settings

{GENERATED}Every setting is an environment variable or a line in the settings file (TOML; `AFTERGLOW_CONFIG` names it,
`afterglow.toml` in the data folder otherwise). The environment wins over the file, an option of the command line over
both. A value that is out of range stops the start with a line that names the setting.

"""
ERRORS_HEAD = f"""# Errors

{GENERATED}An error is a problem (RFC 9457, `application/problem+json`) with a stable `code`; `detail` says it in words,
and fields that help stand beside it (`offset`, `limit`, `retryAfter`, `errors`). Beside these there are
`request.invalid` (422, `errors` names the fields), `internal` (500) and the codes of plain HTTP refusals
(`not-found`, `method-not-allowed`). Codes that no route answers appear in logs, in steps and on the command line.

"""
STEPS_HEAD = f"""# Steps and schedules

{GENERATED}A job is a wake-up for one step of one photo and has the step's name. How steps run, are retried and taken
over stands in [architecture](../explanation/architecture.md).

"""
SCHEDULES_HEAD = """
Kinds: `derive` is needed to show the photo and makes it FAILED when exhausted; `store` brings the original home; `keep`
writes down what is known and never changes the status.

## Schedules

Times are UTC; each runs once in the whole system.

"""
METRICS_HEAD = f"""# Metrics

{GENERATED}`GET /metrics` tells these in Prometheus' text format: to callers on this machine, and to others with the
token of the setting `metrics_token` (`Authorization: Bearer …`). What a proxy forwards does not count as this machine.
Counts are those of all processes of the node; a worker's are up to 15 s old. How they come together stands in
[decision 6](../decisions/0006-counts-by-way-of-the-database.md).

"""
SCHEDULE = re.compile(r'\("(?P<name>[a-z-]+)", "(?P<cron>[^"]+)", (?:partial\()?(?P<work>[\w.]+)')


def main() -> int:
    """Write or check the pages; return the exit code."""
    pages = {
        "settings.md": settings_page(),
        "errors.md": errors_page(),
        "steps.md": steps_page(),
        "metrics.md": metrics_page(),
        "cli.md": cli_page(),
    }
    stale = [name for name, text in pages.items() if _read(PAGES / name) != text]
    if "--check" in sys.argv[1:]:
        for name in stale:
            print(f"docs/reference/{name} is not current: run `make fix`")
        return 1 if stale else 0
    for name in stale:
        (PAGES / name).write_text(pages[name], encoding="utf-8")
    return 0


def settings_page() -> str:
    """Return the page of all settings."""
    rows = []
    for name, field in Settings.model_fields.items():
        variable = ALIASES.get(name, f"AFTERGLOW_{name.upper()}")
        if not field.description:
            raise SystemExit(f"the setting {name} has no description")
        rows.append(
            (f"`{variable}`", f"`{name}`", COMPUTED.get(name) or _default(field.get_default()), field.description)
        )
    return SETTINGS_HEAD + _table(("variable", "in the file", "default", "meaning"), rows)


def errors_page() -> str:
    """Return the page of all error codes."""
    rows = []
    statuses = {**STATUSES, **PROBLEM_STATUSES}
    for kind in sorted(_error_classes(), key=lambda kind: (kind.code, kind.__name__)):
        if not kind.__doc__:
            raise SystemExit(f"the error {kind.__name__} has no docstring")
        status = next(statuses[ancestor] for ancestor in kind.__mro__ if ancestor in statuses)
        rows.append((f"`{kind.code}`", str(int(status)), kind.default_message()))
    return ERRORS_HEAD + _table(("code", "status", "meaning"), dict.fromkeys(rows))


def steps_page() -> str:
    """Return the page of steps and schedules."""
    steps = [(f"`{step.name}`", step.kind.value, str(step.version), step.algorithm) for step in DEFINITIONS.values()]
    source = ROOT / "src" / "afterglow" / "bootstrap" / "worker.py"
    schedules = [
        (f"`{match['name']}`", f"`{match['cron']}`", match["work"])
        for match in SCHEDULE.finditer(source.read_text(encoding="utf-8"))
    ]
    return (
        STEPS_HEAD
        + _table(("step and job", "kind", "version", "algorithm"), steps)
        + SCHEDULES_HEAD
        + _table(("schedule", "cron", "work"), schedules)
    )


def metrics_page() -> str:
    """Return the page of all metrics."""
    rows = []
    for metric in CATALOGUE:
        if not metric.meaning:
            raise SystemExit(f"the metric {metric.name} has no meaning")
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        rows.append((f"`{metric.name}`", metric.kind.value, labels, metric.meaning))
    return METRICS_HEAD + _table(("metric", "kind", "labels", "meaning"), rows)


def cli_page() -> str:
    """Return the page of the command line."""
    root = typer.main.get_command(cli)
    parts = ["# Command line\n\n", GENERATED, "`afterglow` lies in `.venv/bin`.\n"]
    os.environ["TERMINAL_WIDTH"] = "100"
    for name, command in _commands(root, "afterglow"):
        if not command.help:
            raise SystemExit(f"the command {name} has no help")
        parts.append(f"\n## `{name}{_arguments(command)}`\n\n{_paragraph(command.help)}\n")
        options = [
            (", ".join(f"`{text}`" for text in parameter.opts), _paragraph(getattr(parameter, "help", "") or ""))
            for parameter in command.params
            if parameter.param_type_name == "option" and not parameter.hidden and parameter.name != "help"
        ]
        if options:
            parts.append("\n" + _table(("option", "meaning"), options))
    return "".join(parts)


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield name, command
        return
    for key in subcommands:
        yield from _commands(subcommands[key], f"{name} {key}")


def _arguments(command: Any) -> str:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    return "".join(f" {argument.name.upper()}{'…' if argument.nargs != 1 else ''}" for argument in arguments)


def _error_classes() -> set[type[AfterglowError]]:
    for module in pkgutil.walk_packages(afterglow.__path__, "afterglow."):
        if not module.name.endswith("__main__") and module.name != "afterglow.entry.http.served":
            importlib.import_module(module.name)
    found: set[type[AfterglowError]] = set()
    open_classes: list[type[AfterglowError]] = [AfterglowError]
    while open_classes:
        kind = open_classes.pop()
        found.add(kind)
        open_classes.extend(kind.__subclasses__())
    # What this process itself defines beside the package (tests) is not documented.
    return {kind for kind in found - {AfterglowError} if kind.__module__.startswith("afterglow.")}


def _default(value: object) -> str:
    if value is PydanticUndefined or value is None:
        return ""
    text = str(getattr(value, "value", value))
    if hasattr(value, "get_secret_value"):
        text = value.get_secret_value()
    return f"`{text}`" if text else "empty"


def _paragraph(text: str) -> str:
    return " ".join(text.split())


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
