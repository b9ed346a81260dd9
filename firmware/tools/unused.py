"""Leaves out of the joined module what nothing in it can ask for: methods, and what only they used.

An object may be asked for any method that some code names, whatever object it means there; a method
that no code names at all is dead weight: on a board about 150 bytes of heap each, and more for what
only it needed. Nothing of ours looks a name up by text (a test watches that).
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable


def without_unused(body: list[ast.stmt], entry: str) -> list[ast.stmt]:
    """Return the statements of the joined module that may matter when `entry` is called."""
    while True:
        attributes, names = _asked_for(body)
        classes = {unit.name for unit in body if isinstance(unit, ast.ClassDef)}
        kept = [unit for unit in body if _label(unit) in (names | {entry, ""})]
        dropped = len(body) - len(kept)
        for unit in kept:
            if isinstance(unit, ast.ClassDef) and all(_is_ours(b, classes) for b in unit.bases):
                dropped += _drop_methods(unit, attributes)
        if not dropped:
            return kept
        body = kept


def _asked_for(body: Iterable[ast.stmt]) -> tuple[set[str], set[str]]:
    """Return (every attribute that is named, every name that is read)."""
    attributes, names = set(), set()
    for unit in body:
        names |= globals_read(unit)
        attributes |= {node.attr for node in ast.walk(unit) if isinstance(node, ast.Attribute)}
    return attributes, names


def globals_read(unit: ast.stmt) -> set[str]:
    """Return the module's names a statement reads: not those that a function binds itself."""
    found: set[str] = set()
    waiting = [symtable.symtable(ast.unparse(ast.fix_missing_locations(unit)), "joined", "exec")]
    while waiting:
        scope = waiting.pop()
        waiting += scope.get_children()
        outermost = scope.get_type() == "module"
        for symbol in scope.get_symbols():
            if symbol.is_referenced() and (outermost or symbol.is_global()):
                found.add(symbol.get_name())
    return found


def _label(unit: ast.stmt) -> str:
    """Return the one name a statement binds without doing anything else, "" if it may do more."""
    if isinstance(unit, ast.FunctionDef | ast.ClassDef):
        return unit.name
    if isinstance(unit, ast.Assign) and isinstance(unit.targets[0], ast.Name):
        calls = any(isinstance(node, ast.Call) for node in ast.walk(unit.value))
        return "" if calls or len(unit.targets) > 1 else unit.targets[0].id
    return ""


def _is_ours(base: ast.expr, classes: set[str]) -> bool:
    """Say whether only our code calls methods of such a class; Exception's are dunders."""
    return isinstance(base, ast.Name) and (base.id in classes or base.id == "Exception")


def _drop_methods(unit: ast.ClassDef, attributes: set[str]) -> int:
    kept = [
        part
        for part in unit.body
        if not isinstance(part, ast.FunctionDef)
        or part.name in attributes
        or part.name.startswith("__")
    ]
    dropped = len(unit.body) - len(kept)
    unit.body = kept or [ast.Pass()]
    return dropped
