"""Import contracts of our own, beside those that come with import-linter; `.importlinter` names and configures them.

References:
    import-linter's documentation, "Custom contract types".
"""

import sys
from collections.abc import Iterator
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

FEATURES = "afterglow.features"

Link = tuple[str, str]


class _DirectImportsContract(Contract):
    """A contract that looks at direct imports one by one."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Return the verdict, with every import that breaks the contract."""
        del verbose
        illegal = sorted(self.illegal_links(graph))
        return ContractCheck(kept=not illegal, metadata={"illegal": illegal})

    def illegal_links(self, graph: ImportGraph) -> Iterator[Link]:
        """Yield (importer, imported) of each import that breaks the contract."""
        raise NotImplementedError

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print the imports that break the contract."""
        for importer, imported in check.metadata["illegal"]:
            output.print_error(f"- {importer} -> {imported}", bold=False)
        output.new_line()


class SlicePrivacyContract(_DirectImportsContract):
    """Private parts of a feature are imported by that feature alone, and by those outside that may mount them.

    Options:
        private: Parts of a feature (names of files or packages) that no other feature may import.
        mounted: Those of them that `mounted_by` may import.
        mounted_by: Modules, with everything below them.
    """

    type_name = "slice_privacy"

    private = fields.SetField(subfield=fields.StringField())
    mounted = fields.SetField(subfield=fields.StringField())
    mounted_by = fields.SetField(subfield=fields.StringField())

    def illegal_links(self, graph: ImportGraph) -> Iterator[Link]:
        """Yield imports of a private part from outside of its feature."""
        for imported in graph.modules:
            feature, part = _feature_and_part(imported)
            if part not in _names(self.private):
                continue
            for importer in graph.find_modules_that_directly_import(imported):
                at_home = _feature_and_part(importer)[0] == feature
                mounting = part in _names(self.mounted) and _is_within(importer, _names(self.mounted_by))
                if not at_home and not mounting:
                    yield importer, imported


class PureContract(_DirectImportsContract):
    """Pure modules import nothing but other pure modules and the harmless part of the standard library.

    Options:
        modules: The pure modules, with everything below them.
        allowed_modules: What they may import of the project and of other packages.
        impure_standard_library: Standard modules that touch the world outside, and so are not allowed.
    """

    type_name = "pure"

    modules = fields.SetField(subfield=fields.StringField())
    allowed_modules = fields.SetField(subfield=fields.StringField())
    impure_standard_library = fields.SetField(subfield=fields.StringField())

    def illegal_links(self, graph: ImportGraph) -> Iterator[Link]:
        """Yield imports of anything that is not known to be pure."""
        harmless = sys.stdlib_module_names - _names(self.impure_standard_library)
        for importer in graph.modules:
            if not _is_within(importer, _names(self.modules)):
                continue
            for imported in graph.find_modules_directly_imported_by(importer):
                if imported not in harmless and not _is_within(imported, _names(self.allowed_modules)):
                    yield importer, imported


class ConfinedContract(_DirectImportsContract):
    """Other people's packages are imported in named places only.

    Options:
        packages: Top-level names of packages; one that nobody imports is fine.
        importers: Modules that may import them, with everything below them.
    """

    type_name = "confined"

    packages = fields.SetField(subfield=fields.StringField())
    importers = fields.SetField(subfield=fields.StringField())

    def illegal_links(self, graph: ImportGraph) -> Iterator[Link]:
        """Yield imports of the packages from anywhere else."""
        for imported in graph.modules & _names(self.packages):
            for importer in graph.find_modules_that_directly_import(imported):
                if not _is_within(importer, _names(self.importers)):
                    yield importer, imported


def _names(field: Any) -> set[str]:
    """Return the values of a field (import-linter declares the field on the class and puts its value on the object)."""
    return set(field)


def _feature_and_part(module: str) -> tuple[str | None, str | None]:
    """Return which feature a module belongs to and which of its parts it is in; None where there is none."""
    if not module.startswith(f"{FEATURES}."):
        return None, None
    feature, _, rest = module.removeprefix(f"{FEATURES}.").partition(".")
    return feature, rest.partition(".")[0] or None


def _is_within(module: str, patterns: set[str]) -> bool:
    """Return whether a module is, or lies below, one of those named (`*` stands for one name)."""
    names = module.split(".")
    for pattern in patterns:
        wanted = pattern.split(".")
        if len(names) >= len(wanted) and all(want in ("*", name) for want, name in zip(wanted, names, strict=False)):
            return True
    return False
