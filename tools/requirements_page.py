"""Write docs/reference/requirements.md: every requirement, and the tests that prove it.

    .venv/bin/python tools/requirements_page.py [--check]      (`make fix` runs it)

The texts are in requirements.json beside the page. A Python test names what it proves by
`@pytest.mark.req("ING-3", …)` on itself, its class, or its module (`pytestmark`); a test of the web client has the
ids in its title. With `--check` nothing is written; the exit code says whether the page is current.
"""

import ast
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXTS = ROOT / "docs" / "reference" / "requirements.json"
PAGE = ROOT / "docs" / "reference" / "requirements.md"
WEB_TEST = re.compile(r"""\b(?:test|it|describe)(?:\.\w+)*\(\s*(["'`])(?P<title>.*?)\1""", re.DOTALL)
REQUIREMENT_ID = re.compile(r"\b[A-Z]+-\d+\b")

Proofs = Mapping[str, Mapping[str, int]]
"""Number of proving tests by requirement id and test file."""


@dataclass(frozen=True)
class Requirement:
    """One thing that Afterglow must do."""

    id: str
    section: str
    text: str


def main() -> int:
    """Write or check the page; return the exit code."""
    requirements = [Requirement(**row) for row in json.loads(TEXTS.read_text(encoding="utf-8"))]
    proofs = collect_proofs({requirement.id.partition("-")[0] for requirement in requirements})
    if unknown := sorted(proofs.keys() - {requirement.id for requirement in requirements}):
        print(f"no such requirements: {', '.join(f'{name} in {min(proofs[name])}' for name in unknown)}")
        return 1
    page = render(requirements, proofs)
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page:
        return 0
    if "--check" in sys.argv[1:]:
        print(f"{PAGE.relative_to(ROOT)} is not current: run `make fix`")
        return 1
    PAGE.write_text(page, encoding="utf-8")
    return 0


def collect_proofs(prefixes: set[str]) -> Proofs:
    """Return what the tests say they prove; `prefixes` tells ids in titles from other words (`UTF-8`)."""
    proofs: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for name in marked_ids(ast.parse(file.read_text(encoding="utf-8"))):
            proofs[name][str(file.relative_to(ROOT))] += 1
    for file in web_tests():
        for name in titled_ids(file.read_text(encoding="utf-8"), prefixes):
            proofs[name][str(file.relative_to(ROOT))] += 1
    return proofs


def web_tests() -> Iterator[Path]:
    """Yield the test files of the web client."""
    for folder in ("src", "e2e"):
        for pattern in ("*.test.ts", "*.test.tsx", "*.spec.ts"):
            yield from sorted((ROOT / "web" / folder).rglob(pattern))


def marked_ids(tree: ast.Module) -> Iterator[str]:
    """Yield a requirement id for each test function that is marked with it, itself or through what encloses it."""
    module = [value for node in tree.body if (value := pytestmark_of(node))]
    module_ids = [name for value in module for name in ids_of(value)]
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            class_ids = [name for decorator in node.decorator_list for name in ids_of(decorator)]
            for inner in node.body:
                yield from ids_of_test(inner, {*module_ids, *class_ids})
        else:
            yield from ids_of_test(node, set(module_ids))


def pytestmark_of(node: ast.stmt) -> ast.expr | None:
    """Return what a module assigns to `pytestmark`."""
    if isinstance(node, ast.Assign) and any(ast.unparse(target) == "pytestmark" for target in node.targets):
        return node.value
    return None


def ids_of_test(node: ast.stmt, inherited: set[str]) -> Iterator[str]:
    """Yield the ids of a test function, nothing for anything else."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
        yield from sorted(inherited.union(*(ids_of(decorator) for decorator in node.decorator_list)))


def ids_of(expression: ast.expr) -> list[str]:
    """Return the ids of every `pytest.mark.req(…)` within an expression."""
    return [
        argument.value
        for call in ast.walk(expression)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.req"
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]


def titled_ids(source: str, prefixes: set[str]) -> Iterator[str]:
    """Yield the ids in the titles of a web test file."""
    for match in WEB_TEST.finditer(source):
        for name in REQUIREMENT_ID.findall(match["title"]):
            if name.partition("-")[0] in prefixes:
                yield name


def render(requirements: list[Requirement], proofs: Proofs) -> str:
    """Return the page as Markdown."""
    proven = sum(requirement.id in proofs for requirement in requirements)
    lines = [
        "# Requirements and their proofs",
        "",
        "<!-- By tools/requirements_page.py from requirements.json and the marks of tests; anew: run `make fix`. -->",
        "",
        f"{proven} of {len(requirements)} requirements are named by a test, which need not prove the whole text.",
        "A number in brackets says how many tests of that file name the requirement.",
    ]
    for section, group in groupby(requirements, key=lambda requirement: requirement.section):
        lines += ["", f"## {section}", "", "| id | requirement | proving tests |", "|---|---|---|"]
        lines += [row(requirement, proofs.get(requirement.id, {})) for requirement in group]
    return "\n".join(lines) + "\n"


def row(requirement: Requirement, files: Mapping[str, int]) -> str:
    """Return the table row of a requirement."""
    links = [f"[{Path(file).name}](../../{file}) ({count})" for file, count in sorted(files.items())]
    return f"| {requirement.id} | {requirement.text.replace('|', '&#124;')} | {', '.join(links) or 'none yet'} |"


if __name__ == "__main__":
    sys.exit(main())
