"""Finds every whole-number constant of the sources and every place that uses one.

A named constant costs a board its name and a row in every module that imports it; MicroPython's
own const() does not reach across modules. In the image constants are values (bundling.py).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from firmware.tools.shaking import labels_of


class Module:
    """One source: its tree, its constants, and the names that must not be touched."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.source = source
        self.tree = ast.parse(source, name)
        self.constants: dict[str, int] = {}
        self.fixed = set(_inner_names(self.tree))
        self.assigned = list(_assigned(self.tree))
        self.aliases: dict[str, str] = {}


def read_modules(sources: dict[str, str]) -> dict[str, Module]:
    """Return the modules of the sources {module name: text}, their constants found."""
    modules = {name: Module(name, source) for name, source in sources.items()}
    for module in modules.values():
        module.aliases = _aliases(modules, module)
    _find_constants(modules)
    return modules


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
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id in module.constants and node.id not in module.fixed:
                yield node, module.constants[node.id]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            other = module.aliases.get(node.value.id)
            if other and node.attr in modules[other].constants:
                yield node, modules[other].constants[node.attr]
