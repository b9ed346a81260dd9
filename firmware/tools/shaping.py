"""Shapes the sources for the image: constants become their values, what nothing reaches stays out.

A named constant costs a board its name, a row in its module's dictionary and a row in every module
that imports it; MicroPython's own const() does not reach across modules. Together with tables and
functions only other programs use they are a third of the heap. The sources stay as they are and
every line keeps its number; what runs is tested from the image.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from firmware.tools.shaking import Name, Reached, bound_in, defined_by, is_ours, labels_of


class Edit(NamedTuple):
    """Replace source[start:end] (line from 0, column in bytes) by `text`; lines stay lines."""

    start: tuple[int, int]
    end: tuple[int, int]
    text: str


class Module:
    """One source: its tree, its constants, and the names that must not be touched."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.source = source
        self.tree = ast.parse(source, name)
        self.constants: dict[str, int] = {}
        self.fixed = set(_inner_names(self.tree)) | set(_formatted_names(self.tree))
        self.assigned = list(_assigned(self.tree))
        self.aliases: dict[str, str] = {}


def shape(sources: dict[str, str], entry: str) -> dict[str, str]:
    """Return the sources {module name: text} as the image needs them to run `entry`."""
    modules = read_modules(sources)
    gone = {id(node) for module in modules.values() for node, _ in replaced(modules, module)}
    reached = Reached({name: module.tree for name, module in modules.items()}, gone, entry)
    return {name: _rewrite(modules, module, reached) for name, module in modules.items()}


def read_modules(sources: dict[str, str]) -> dict[str, Module]:
    """Return the modules of the sources {module name: text}, their constants found."""
    modules = {name: Module(name, source) for name, source in sources.items()}
    for module in modules.values():
        module.aliases = _aliases(modules, module)
    _find_constants(modules)
    return modules


# Constants -----------------------------------------------------------------------------


def _find_constants(modules: dict[str, Module]) -> None:
    """Fill in every module's whole-number constants; they may be made from one another."""
    changed = True
    while changed:
        changed = False
        for module in modules.values():
            before = len(module.constants)
            for node in ast.walk(module.tree):
                if isinstance(node, ast.ImportFrom) and node.module in modules:
                    theirs = modules[node.module].constants
                    for alias in node.names:
                        if alias.name in theirs:
                            module.constants[alias.asname or alias.name] = theirs[alias.name]
            for labels, value in module.assigned:
                _evaluate(module, labels, value)
            changed |= len(module.constants) != before


def _evaluate(module: Module, labels: list[str], value: ast.expr) -> None:
    if all(label in module.constants for label in labels):
        return
    try:
        code = compile(ast.Expression(value), module.name, "eval")
        found = eval(code, {"__builtins__": {"range": range}}, dict(module.constants))
        values = [found] if len(labels) == 1 else list(found)
    except (NameError, TypeError, ValueError, AttributeError, KeyError):
        return
    if len(values) == len(labels) and all(type(v) is int for v in values):
        module.constants.update(zip(labels, values, strict=True))


def _assigned(tree: ast.Module) -> Iterator[tuple[list[str], ast.expr]]:
    """Yield (names, value) of top-level assignments whose names are assigned only once."""
    counts: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            counts[node.id] = counts.get(node.id, 0) + 1
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            labels = labels_of(node.targets[0])
            if labels and all(counts[label] == 1 for label in labels):
                yield labels, node.value


def _inner_names(tree: ast.Module) -> Iterator[str]:
    """Yield names that functions or classes bind themselves: not to be mistaken for ours."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            for argument in (*node.args.args, *node.args.kwonlyargs):
                yield argument.arg
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                    yield inner.id


def _formatted_names(tree: ast.Module) -> Iterator[str]:
    """Yield names used in f-strings, where Python 3.11 does not know the columns."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name):
                    yield inner.id


def _aliases(modules: dict[str, Module], module: Module) -> dict[str, str]:
    """Return {local name: module name} of modules of ours this one has bound."""
    found = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in modules:
                    found[alias.asname or alias.name] = whole
    return found


def replaced(modules: dict[str, Module], module: Module) -> Iterator[tuple[ast.expr, int]]:
    """Yield (node, value) of every use of a constant that becomes its value."""
    for node in _outside_strings(module.tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id in module.constants and node.id not in module.fixed:
                yield node, module.constants[node.id]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            other = module.aliases.get(node.value.id)
            if other and node.attr in modules[other].constants:
                yield node, modules[other].constants[node.attr]


def _outside_strings(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.JoinedStr):
            yield child
            yield from _outside_strings(child)


# Rewriting ------------------------------------------------------------------------------


def _rewrite(modules: dict[str, Module], module: Module, reached: Reached) -> str:
    edits = [_edit(node, '""') for node in _messages(module.tree)]
    for node, value in replaced(modules, module):
        edit = _edit(node, f"({value})")
        if not any(e.start <= edit.start and edit.end <= e.end for e in edits):
            edits.append(edit)
    kept_by_running = set(bound_in(reached.scopes[module.name].runs))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and is_ours(node):
            edits.extend(_trim_import(module.name, node, reached, kept_by_running))
    for unit in module.tree.body:
        if defined_by(unit) and id(unit) not in reached.units:
            whole = _edit(unit, "pass")
            edits = [e for e in edits if not whole.start <= e.start <= e.end <= whole.end]
            edits.append(whole)
    return _apply(module.source, edits)


def _messages(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield what is text among the arguments of a raised error."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            for argument in node.exc.args:
                text = argument.left if isinstance(argument, ast.BinOp) else argument
                if isinstance(text, ast.JoinedStr) or _is_sentence(text):
                    yield argument


def _is_sentence(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value


def _trim_import(
    module: str, node: ast.ImportFrom, reached: Reached, running: set[str]
) -> Iterator[Edit]:
    """Leave out of an import what nothing reached asks for."""
    kept = []
    for alias in node.names:
        label = alias.asname or alias.name
        if Name(module, label) in reached.names or label in running:
            kept.append(alias.name if alias.asname is None else f"{alias.name} as {alias.asname}")
    if len(kept) < len(node.names):
        yield _edit(node, f"from {node.module} import {', '.join(kept)}" if kept else "pass")


def _edit(node: ast.stmt | ast.expr, text: str) -> Edit:
    assert node.end_lineno is not None and node.end_col_offset is not None
    first = node.lineno
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.decorator_list:
        first = node.decorator_list[0].lineno
    start = (first - 1, node.col_offset)
    return Edit(start, (node.end_lineno - 1, node.end_col_offset), text)


def _apply(source: str, edits: list[Edit]) -> str:
    """Make the edits from the end on; lines that vanish stay as empty lines."""
    lines = [line.encode() for line in source.split("\n")]
    for edit in sorted(edits, reverse=True):
        (first, left), (last, right) = edit.start, edit.end
        tail = lines[last][right:]
        lines[first] = lines[first][:left] + edit.text.encode() + tail
        for between in range(first + 1, last + 1):
            lines[between] = b""
    return "\n".join(line.decode() for line in lines)
