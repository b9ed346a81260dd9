"""Lets the image do with fewer names: attributes and parameters borrow names that exist anyway.

MicroPython keeps every name once, for ever, in pools of doubling size: one name too many costs the
heap another pool in one piece. An attribute called like a function, or a parameter called like a
constant, needs no name of its own: they are looked up in different places. Borrowers are only
attributes and methods of our own classes and parameters that nothing gives by name; a name that
also is a string, a global or an attribute of a library's object stays as it is. Who borrowed what
stands at the end of the joined source.
Source: MicroPython's py/qstr.c.
"""

from __future__ import annotations

import array
import ast
import builtins
import hashlib
import io
import json
import keyword
import select
import sys
import types
from collections.abc import Iterator

from firmware.tools.shaking import defined_by
from firmware.tools.unused import globals_read

# What libraries' objects have: their attributes mean what the library says.
LIBRARIES = (
    *(value for value in vars(builtins).values() if isinstance(value, type)),
    *(io, sys, json, hashlib, select, array.array, select.poll, hashlib.sha256()),
    *(io.FileIO, io.BytesIO, io.TextIOWrapper, types.GeneratorType),
)
# ... and MicroPython's, or what it asks our objects for (a test asks it for what it has).
MICROPYTHON = {"decrypt", "encrypt", "ioctl", "ipoll", "readblocks", "writeblocks", "mount",
               "blit", "fill", "fill_rect", "hline", "line", "pixel", "rect", "scroll", "text",
               "ticks_ms", "vline"}  # fmt: skip
TEXT_KEPT_AS_NAME = 10  # characters: MicroPython's parser keeps longer texts apart from names

Parts = dict[str, list[ast.stmt]]


def borrow_names(parts: Parts, main: str) -> list[str]:
    """Rename in `parts` {module: statements}, in place; return comments telling who has what.

    Lenders are names that the module `main` has, for it is always there.
    """
    everything = [unit for body in parts.values() for unit in body]
    foreign = _foreign(everything)
    attributes = _attributes(everything)
    own = _own_attributes(everything) - foreign
    fixed = _fixed(everything) | attributes - own
    here = filter(_may_lend, _fixed(parts[main], TEXT_KEPT_AS_NAME) - foreign)
    lenders = sorted(here, key=lambda name: (len(name), name))
    wanting = sorted(own - fixed)
    free = [name for name in lenders if name not in attributes]
    borrowed = dict(zip(wanting, free, strict=False))
    _rename_attributes(everything, borrowed)
    fixed |= own - borrowed.keys()
    for function in _functions(everything):
        _rename_parameters(function, fixed, lenders)
    return [f"# .{theirs} is {name}" for name, theirs in borrowed.items()]


def _may_lend(name: str) -> bool:
    builtin = keyword.iskeyword(name) or name in dir(builtins) or name == "self"
    return not builtin and not name.startswith("__")


# Which names must be there ------------------------------------------------------------------


def _foreign(units: list[ast.stmt]) -> set[str]:
    """Return attributes that objects of libraries have, as far as this interpreter can tell."""
    found = MICROPYTHON.union(*map(dir, LIBRARIES))
    modules = {alias.asname or alias.name for unit in units for node in ast.walk(unit)
               if isinstance(node, ast.Import) for alias in node.names}  # fmt: skip
    for node in _nodes(units):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in modules:
                found.add(node.attr)
    return found


def _fixed(units: list[ast.stmt], longest_text: int = sys.maxsize) -> set[str]:
    """Return the names that no borrowing saves: globals, texts, imports, given parameters."""
    found = {"self"}
    for unit in units:
        found |= globals_read(unit)
        found.update(defined_by(unit))
        in_class = unit.body if isinstance(unit, ast.ClassDef) else []
        methods = {id(part) for part in in_class if isinstance(part, ast.FunctionDef)}
        found.update(label for part in in_class if id(part) not in methods
                     for label in defined_by(part))  # fmt: skip
        for node in ast.walk(unit):
            if id(node) not in methods:
                found.update(_said_by(node))
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if node.value.isidentifier() and len(node.value) <= longest_text:
                    found.add(node.value)
    return found


def _said_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef):
        yield node.name
    elif isinstance(node, ast.keyword) and node.arg:
        yield node.arg
    elif isinstance(node, ast.Nonlocal):
        yield from node.names
    elif isinstance(node, ast.ImportFrom | ast.Import):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        for alias in node.names:
            yield alias.name
            yield alias.asname or alias.name


def _attributes(units: list[ast.stmt]) -> set[str]:
    read = {node.attr for node in _nodes(units) if isinstance(node, ast.Attribute)}
    return read.union(*map(_methods, units))


def _own_attributes(units: list[ast.stmt]) -> set[str]:
    """Return what our code assigns to objects, and the methods it defines."""
    found = {node.attr for node in _nodes(units)
             if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}  # fmt: skip
    return {name for name in found.union(*map(_methods, units)) if not name.startswith("__")}


def _methods(unit: ast.stmt) -> set[str]:
    parts = unit.body if isinstance(unit, ast.ClassDef) else []
    return {part.name for part in parts if isinstance(part, ast.FunctionDef)}


def _nodes(units: list[ast.stmt]) -> Iterator[ast.AST]:
    for unit in units:
        yield from ast.walk(unit)


# Renaming -----------------------------------------------------------------------------------


def _rename_attributes(units: list[ast.stmt], borrowed: dict[str, str]) -> None:
    for unit in units:
        for part in unit.body if isinstance(unit, ast.ClassDef) else []:
            if isinstance(part, ast.FunctionDef):
                part.name = borrowed.get(part.name, part.name)
        for node in ast.walk(unit):
            if isinstance(node, ast.Attribute):
                node.attr = borrowed.get(node.attr, node.attr)


def _functions(units: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the outermost functions: a parameter's name reaches no further."""
    for unit in units:
        if isinstance(unit, ast.ClassDef):
            yield from _functions(unit.body)
        else:
            yield unit


def _rename_parameters(function: ast.stmt, fixed: set[str], lenders: list[str]) -> None:
    nodes = list(ast.walk(function))
    parameters = {node.arg for node in nodes if isinstance(node, ast.arg)}
    used = parameters | {node.id for node in nodes if isinstance(node, ast.Name)}
    bound = {node.name for node in nodes if isinstance(node, ast.ExceptHandler) and node.name}
    for node in nodes:
        bound.update(_said_by(node))
    free = (name for name in lenders if name not in used and name not in bound)
    new = dict(zip(sorted(parameters - fixed - bound), free, strict=False))
    for node in nodes:
        if isinstance(node, ast.arg):
            node.arg = new.get(node.arg, node.arg)
        elif isinstance(node, ast.Name):
            node.id = new.get(node.id, node.id)
