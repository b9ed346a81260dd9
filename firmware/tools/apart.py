"""Puts what only one seldom used class or function needs into a module of its own.

A board that has it loaded for the length of one tap needs its heap no longer than that. The module
takes what it shares from the main one; the code that names the class imports it there.
"""

from __future__ import annotations

import ast

from firmware.tools.shaking import defined_by
from firmware.tools.unused import globals_read


def apart(body: list[ast.stmt], entry: str, root: str, main: str, module: str) -> list[ast.stmt]:
    """Take out of `body` what only `root` needs; return the statements of `module`.

    Shape: `body` as joined, changed in place; `main` and `module` are the two modules' names.
    """
    defined = {label: unit for unit in body for label in defined_by(unit)}
    running = [unit for unit in body if not defined_by(unit)]
    needed = _reached([*running, defined[entry]], defined, {root})
    with_root = _reached([defined[root]], defined, set())
    moved = [unit for unit in body if id(unit) in with_root - needed]
    body[:] = [unit for unit in body if id(unit) not in with_root - needed]
    own = {label for unit in moved for label in defined_by(unit)}
    for unit in body:
        _import_inside(unit, root, module)
    shared = sorted(set().union(*map(globals_read, moved)) & (defined.keys() - own))
    taken = [ast.ImportFrom(main, [ast.alias(name) for name in shared], 0)] if shared else []
    return [*taken, *moved]


def _reached(waiting: list[ast.stmt], defined: dict[str, ast.stmt], without: set[str]) -> set[int]:
    """Return the ids of all statements that those waiting need, by the names they read."""
    found: set[int] = set()
    while waiting:
        unit = waiting.pop()
        if id(unit) not in found:
            found.add(id(unit))
            waiting += [defined[name] for name in globals_read(unit) - without if name in defined]
    return found


def _import_inside(unit: ast.stmt, root: str, module: str) -> None:
    """Import the class just before each statement that names it, and nowhere earlier."""
    for node in list(ast.walk(unit)):
        for block in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if not isinstance(block, list):
                continue
            for at, statement in reversed(list(enumerate(block))):
                if not hasattr(statement, "body") and _names(statement, root):
                    block.insert(at, ast.ImportFrom(module, [ast.alias(root)], 0))


def _names(statement: ast.stmt, root: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == root for node in ast.walk(statement))
