"""Finds which top-level definitions a program can reach, from `main` of its entry module on.

A unit is one top-level statement. Definitions (def, class, NAME = ...) are reached by name, through
imports and `module.NAME`; every other statement of a module runs when the module is imported, so
it is reached with it. Methods are not told apart: an object may be asked for any of them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

OURS = ("firmware", "card_layouts")
ENTRY_FUNCTION = "main"


class Name(NamedTuple):
    """A name in a module."""

    module: str
    label: str


class Scope:
    """One module's units and where its names come from.

    `imported` {label: (module, name)}: name "" = the label is the module itself.
    """

    def __init__(self, name: str, tree: ast.Module, modules: set[str]) -> None:
        self.name = name
        self.tree = tree
        self.defines: dict[str, list[ast.stmt]] = {}
        self.runs: list[ast.stmt] = []
        self.imported: dict[str, Name] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and is_ours(node):
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    origin = Name(whole, "") if whole in modules else Name(node.module or "",
                                                                         alias.name)  # fmt: skip
                    self.imported[alias.asname or alias.name] = origin
        for unit in tree.body:
            labels = defined_by(unit)
            for label in labels:
                self.defines.setdefault(label, []).append(unit)
            if not labels and not isinstance(unit, ast.Import | ast.ImportFrom):
                self.runs.append(unit)


class Reached:
    """What the entry can reach: units by identity, and the names each module must keep."""

    def __init__(self, trees: dict[str, ast.Module], gone: set[int], entry: str) -> None:
        """`gone`: ids of expressions that became plain numbers, so their names do not count."""
        names = set(trees)
        self.scopes = {name: Scope(name, tree, names) for name, tree in trees.items()}
        self.units: set[int] = set()
        self.names: set[Name] = set()
        self._gone = gone
        self._loaded: set[str] = set()
        self._waiting: list[tuple[str, ast.stmt]] = []
        self._reach(Name(entry, ENTRY_FUNCTION))
        while self._waiting:
            module, unit = self._waiting.pop()
            self._follow(module, unit)

    def _load(self, module: str) -> None:
        if module in self._loaded or module not in self.scopes:
            return
        self._loaded.add(module)
        parent = module.rpartition(".")[0]
        if parent:
            self._load(parent)
        for unit in self.scopes[module].runs:
            self._reach_unit(module, unit)

    def _reach_unit(self, module: str, unit: ast.stmt) -> None:
        if id(unit) not in self.units and not isinstance(unit, ast.ImportFrom | ast.Import):
            self.units.add(id(unit))
            self._waiting.append((module, unit))

    def _reach(self, name: Name) -> None:
        if name in self.names or name.module not in self.scopes:
            return
        self.names.add(name)
        self._load(name.module)
        scope = self.scopes[name.module]
        if not name.label:
            for unit in scope.tree.body:
                self._reach_unit(name.module, unit)
            return
        for unit in scope.defines.get(name.label, ()):
            self._reach_unit(name.module, unit)
        if name.label in scope.imported:
            self._reach(scope.imported[name.label])

    def _follow(self, module: str, unit: ast.stmt) -> None:
        scope = self.scopes[module]
        asked: set[int] = set()
        for node in ast.walk(unit):
            if id(node) in self._gone:
                asked.update(id(inner) for inner in ast.walk(node))
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                origin = scope.imported.get(node.value.id)
                if origin is not None and not origin.label:
                    self.names.add(Name(module, node.value.id))
                    self._reach(Name(origin.module, node.attr))
                    asked.add(id(node.value))
        for node in ast.walk(unit):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                if id(node) not in asked:
                    self._reach(Name(module, node.id))


def is_ours(node: ast.ImportFrom) -> bool:
    """Return whether an import is from the firmware or the shared code."""
    return (node.module or "").partition(".")[0] in OURS


def defined_by(unit: ast.stmt) -> list[str]:
    """Return the names a unit defines and does nothing else; [] if it does something."""
    if isinstance(unit, ast.FunctionDef | ast.ClassDef):
        return [unit.name]
    if isinstance(unit, ast.Assign) and len(unit.targets) == 1:
        return labels_of(unit.targets[0])
    if isinstance(unit, ast.AnnAssign) and isinstance(unit.target, ast.Name):
        return [unit.target.id]
    return []


def labels_of(target: ast.expr) -> list[str]:
    """Return the names an assignment binds, [] if it binds anything else."""
    parts = target.elts if isinstance(target, ast.Tuple) else [target]
    names = [part.id for part in parts if isinstance(part, ast.Name)]
    return names if len(names) == len(parts) else []


def bound_in(units: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that running units (an `if` at top level) bind."""
    for unit in units:
        for node in ast.walk(unit):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            elif isinstance(node, ast.ImportFrom | ast.Import):
                for alias in node.names:
                    yield alias.asname or alias.name
