"""Sizes, names and docstrings of the sources, as DESIGN's "The house" sets them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "afterglow"
FILE_LINES = 400
FUNCTION_LINES = 50
PARTS_OF_A_FEATURE = {"routes", "tasks", "schemas", "service", "repository", "rules", "models", "events", "errors"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> list[Path]:
    return sorted(file for folder in ("src", "tools", "bench") for file in (ROOT / folder).rglob("*.py"))


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def length(function: Function) -> int:
    """Return the lines of a function without its docstring, whose completeness is wanted."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def undocumented(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    """Yield the public functions and classes, nested ones included, that have no docstring."""
    for node in body:
        if not isinstance(node, ast.ClassDef | Function) or node.name.startswith("_"):
            continue
        is_overload = any(ast.unparse(decorator).endswith("overload") for decorator in node.decorator_list)
        if ast.get_docstring(node) is None and not is_overload:
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from undocumented(node.body, f"{prefix}{node.name}.")


@pytest.mark.parametrize("file", sources(), ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_is_short_its_functions_too_and_its_public_names_documented(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    tree = ast.parse(source)
    assert source.count("\n") <= FILE_LINES
    assert [f"{f.name}: {length(f)} lines" for f in functions(tree) if length(f) > FUNCTION_LINES] == []
    assert ast.get_docstring(tree) or not tree.body, "the module says nothing about itself"
    assert list(undocumented(tree.body)) == []


def features() -> list[Path]:
    """Return the folders of features; one without a Python file is nothing yet."""
    return [folder for folder in (PACKAGE / "features").iterdir() if any(folder.glob("*.py"))]


def test_features_are_packages_with_the_fixed_parts() -> None:
    strange = [
        str(entry.relative_to(PACKAGE))
        for feature in features()
        for entry in feature.iterdir()
        if entry.name[0] not in "_." and entry.stem not in PARTS_OF_A_FEATURE
    ]
    assert strange == []
    assert [str(feature) for feature in features() if not (feature / "__init__.py").exists()] == []


def test_every_feature_is_placed_in_the_order() -> None:
    order = (ROOT / ".importlinter").read_text().split("[importlinter:contract:feature-order]")[1].split("[")[0]
    unplaced = [folder.name for folder in features() if f"({folder.name})" not in order]
    assert unplaced == []
