"""Puts what only seldom used classes or functions need into a module of their own.

A board that has it loaded for the length of one tap needs its heap no longer than that. The module
takes what it shares from the main one; the code that names one of them imports it there.
"""

from __future__ import annotations

import ast

from firmware.tools.shaking import defined_by
from firmware.tools.unused import globals_read


class Reads:
    """Which of the module's names each statement reads, worked out once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[ast.stmt, set[str]]] = {}

    def of(self, unit: ast.stmt) -> set[str]:
        """Return the names; the statement must not change without `forget`."""
        if id(unit) not in self._known:
            self._known[id(unit)] = unit, globals_read(unit)
        return self._known[id(unit)][1]

    def forget(self, unit: ast.stmt) -> None:
        """The statement was changed."""
        del self._known[id(unit)]


def apart(
    body: list[ast.stmt], needs: set[str], roots: set[str], main: str, module: str, reads: Reads
) -> list[ast.stmt]:
    """Take out of `body` what only `roots` need; return the statements of `module`.

    Shape: `body` as joined, changed in place; `needs` are names that must stay in it: its entry,
    and what modules made before take from it (added here). `main`, `module`: the modules' names.
    """
    defined = {label: unit for unit in body for label in defined_by(unit)}
    running = [unit for unit in body if not defined_by(unit)]
    staying = [defined[name] for name in sorted(needs)]
    needed = _reached([*running, *staying], defined, roots, reads)
    with_roots = _reached([defined[root] for root in roots], defined, set(), reads)
    moved = [unit for unit in body if id(unit) in with_roots - needed]
    body[:] = [unit for unit in body if id(unit) not in with_roots - needed]
    own = {label for unit in moved for label in defined_by(unit)}
    for unit in body:
        named = sorted(roots & reads.of(unit))
        for root in named:
            _import_inside(unit, root, module)
        if named:
            reads.forget(unit)
    shared = sorted(set().union(*map(reads.of, moved)) & (defined.keys() - own))
    needs.update(shared)
    taken = [ast.ImportFrom(main, [ast.alias(name) for name in shared], 0)] if shared else []
    return [*taken, *moved]


def _reached(
    waiting: list[ast.stmt], defined: dict[str, ast.stmt], without: set[str], reads: Reads
) -> set[int]:
    """Return the ids of all statements that those waiting need, by the names they read."""
    found: set[int] = set()
    while waiting:
        unit = waiting.pop()
        if id(unit) not in found:
            found.add(id(unit))
            waiting += [defined[name] for name in reads.of(unit) - without if name in defined]
    return found


def _import_inside(unit: ast.stmt, root: str, module: str) -> None:
    """Import the class just before each statement that names it, and nowhere earlier.

    A function that names it in a head (`except`, `if` ...) has it from its beginning.
    """
    for node in list(ast.walk(unit)):
        if isinstance(node, ast.FunctionDef) and _in_a_head(node, root):
            node.body.insert(0, ast.ImportFrom(module, [ast.alias(root)], 0))
        for block in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if not isinstance(block, list):
                continue
            for at, statement in reversed(list(enumerate(block))):
                if not hasattr(statement, "body") and _names(statement, root):
                    block.insert(at, ast.ImportFrom(module, [ast.alias(root)], 0))


def _names(part: ast.AST, root: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == root for node in ast.walk(part))


def _in_a_head(function: ast.FunctionDef, root: str) -> bool:
    """Return whether the head of an if, a loop, a with or an except names it."""
    return any(_names(head, root) for node in ast.walk(function) for head in _heads(node))


def _heads(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.If | ast.While):
        return [node.test]
    if isinstance(node, ast.For):
        return [node.iter]
    if isinstance(node, ast.With):
        return [item.context_expr for item in node.items]
    if isinstance(node, ast.ExceptHandler) and node.type is not None:
        return [node.type]
    return []
