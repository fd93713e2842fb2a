"""Brings the database up to date, in a process of its own: the supervisor stays small."""

import sys

from afterglow.config import load_settings
from afterglow.entry.supervise.journal import tell
from afterglow.kernel.errors import AfterglowError


def main() -> int:
    """Migrate; return the exit code."""
    from afterglow.bootstrap import migrate  # noqa: PLC0415 (heavy: not at the import of the package)

    try:
        migrate(load_settings())
    except AfterglowError as error:
        tell("the database could not be brought up to date", level="error", code=error.code, message=error.message)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
