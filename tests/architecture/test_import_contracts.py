"""The contracts of `.importlinter` hold on the tree, and each of them bites."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")

HOUSE = (
    "bootstrap.py",
    "config.py",
    "entry/__init__.py",
    "entry/http/__init__.py",
    "features/__init__.py",
    "features/access/__init__.py",
    "features/access/rules.py",
    "features/access/service.py",
    "features/accounts/__init__.py",
    "features/accounts/errors.py",
    "features/accounts/models.py",
    "features/accounts/repository.py",
    "features/accounts/routes.py",
    "features/accounts/schemas.py",
    "features/accounts/service.py",
    "infra/__init__.py",
    "infra/web/__init__.py",
    "kernel/__init__.py",
    "kernel/checksums.py",
    "kernel/clock.py",
    "kernel/errors.py",
    "kernel/events.py",
    "kernel/ids.py",
    "kernel/pages.py",
    "kernel/principal.py",
    "kernel/units.py",
)
"""A small house that keeps every rule; each case below adds one import that breaks one of them."""

BREACHES = [
    pytest.param("infra/web/__init__.py", "import afterglow.config", "Rings", id="ring"),
    pytest.param("kernel/ids.py", "import afterglow.infra.web", "Rings", id="ring-kernel"),
    pytest.param("attic/__init__.py", "", "Rings", id="ring-unplaced"),
    pytest.param(
        "features/accounts/service.py", "import afterglow.features.access.service", "Order of the features", id="order"
    ),
    pytest.param("features/novelty/__init__.py", "", "Order of the features", id="feature-unplaced"),
    pytest.param("features/accounts/repository.py", "from . import service", "Order inside each feature", id="inside"),
    pytest.param("features/accounts/helpers.py", "", "Order inside each feature", id="file-name"),
    pytest.param(
        "features/access/service.py",
        "import afterglow.features.accounts.repository",
        "private to their feature",
        id="privacy-repository",
    ),
    pytest.param(
        "features/access/service.py",
        "import afterglow.features.accounts.schemas",
        "private to their feature",
        id="privacy-schemas",
    ),
    pytest.param("bootstrap.py", "import afterglow.features.accounts.repository", "private to", id="privacy-bootstrap"),
    pytest.param("features/access/rules.py", "import asyncpg", "Rules decide, and touch nothing", id="purity-driver"),
    pytest.param("features/access/rules.py", "from pathlib import Path", "Rules decide", id="purity-files"),
    pytest.param("features/access/rules.py", "import afterglow.features.accounts.service", "Rules decide", id="purity"),
    pytest.param("features/access/rules.py", "import afterglow.kernel.clock", "Rules decide", id="purity-clock"),
    pytest.param("features/accounts/models.py", "import socket", "Rules decide", id="purity-models"),
    pytest.param("kernel/ids.py", "import pydantic", "The kernel", id="kernel-foreign"),
    pytest.param("kernel/ids.py", "import subprocess", "The kernel", id="kernel-io"),
    pytest.param("features/accounts/service.py", "import fastapi", "HTTP ends", id="http"),
    pytest.param("features/accounts/repository.py", "import asyncpg", "The database driver", id="driver"),
    pytest.param("kernel/clock.py", "import afterglow.kernel.units", "No cycles", id="cycle"),
]


def lint(folder: Path) -> tuple[bool, str]:
    """Return whether every contract is kept in a folder, and what the linter said."""
    finished = subprocess.run(
        [LINTER, "--no-cache", "--no-logo"], cwd=folder, capture_output=True, text=True, check=False
    )
    return finished.returncode == 0, finished.stdout + finished.stderr


def adapters() -> Iterable[str]:
    """Return the files of the adapters that the contract names."""
    contract = (ROOT / ".importlinter").read_text().split("[importlinter:contract:adapters-private]")[1].split("[")[0]
    modules = re.findall(r"^    afterglow\.(infra\.[\w.]+)$", contract, re.MULTILINE)
    return [module.replace(".", "/") + ".py" for module in modules]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A package tree of its own under the project's contracts."""
    shutil.copy(ROOT / ".importlinter", tmp_path)
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "contracts.py", tmp_path / "tools")
    for name in (*HOUSE, *adapters()):
        write(tmp_path, name, "")
    write(tmp_path, "features/accounts/routes.py", "import fastapi")
    write(tmp_path, "features/accounts/service.py", "from . import repository, models")
    write(tmp_path, "kernel/units.py", "import afterglow.kernel.clock")
    return tmp_path


def write(house: Path, name: str, line: str) -> None:
    """Add a line to a module, making the packages above it."""
    file = house / "afterglow" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    for folder in [file.parent, *file.parent.parents]:
        if folder == house:
            break
        (folder / "__init__.py").touch()
    with file.open("a") as module:
        module.write(f"{line}\n")


def test_the_tree_keeps_every_contract() -> None:
    kept, said = lint(ROOT)
    assert kept, said


def test_a_proper_house_keeps_every_contract(house: Path) -> None:
    kept, said = lint(house)
    assert kept, said


@pytest.mark.parametrize(("module", "line", "contract"), BREACHES)
def test_a_breach_is_found(house: Path, module: str, line: str, contract: str) -> None:
    write(house, module, line)
    kept, said = lint(house)
    assert not kept
    assert re.search(rf"{contract}.* BROKEN", said), said


def test_an_adapter_is_chosen_in_bootstrap_only(house: Path) -> None:
    adapter = next(iter(adapters())).removesuffix(".py").replace("/", ".")
    write(house, "bootstrap.py", f"import afterglow.{adapter}")
    assert lint(house)[0]
    write(house, "features/accounts/service.py", f"import afterglow.{adapter}")
    kept, said = lint(house)
    assert not kept
    assert "Adapters are chosen in bootstrap only BROKEN" in said
