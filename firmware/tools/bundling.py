"""Joins everything the validator can reach into one module, the form the image holds it in.

On a board a module is not free: an object, a dictionary, a row for every name it imports, and
tables its loader keeps meanwhile. One module without them needs a third less heap. Names that two
modules use differently get a number, constants are values, and sentences of raised errors stay out:
a board shows them to nobody, and its traceback names the line of the joined source, which is
written beside the image.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from firmware.tools.apart import Reads, apart
from firmware.tools.constants import Module, read_modules, replaced
from firmware.tools.names import borrow_names
from firmware.tools.shaking import ENTRY_FUNCTION, Name, Reached, bound_in, defined_by, is_ours
from firmware.tools.unused import without_unused

# What stands behind these tests is chosen when the bundle is made.
THIS_RUNTIME = "sys.implementation.name == 'micropython'"
OTHER_RUNTIME = "sys.implementation.name != 'micropython'"


class BundleError(RuntimeError):
    """The sources use a form that cannot be joined; the message says where."""


class Apart(NamedTuple):
    """What gets a module of its own: `label` of our module `source`, in `module`.

    Rows that name one module stand together: it holds what any of them needs.
    """

    source: str
    label: str
    module: str


def bundle(sources: dict[str, str], entry: str) -> str:
    """Return one source that does what importing `entry` did. Raises: BundleError."""
    return bundles(sources, entry, "main")["main"]


def bundles(
    sources: dict[str, str], entry: str, main: str, splits: tuple[Apart, ...] = ()
) -> dict[str, str]:
    """Return {module: source}: `main`, and those that `splits` ask for. Raises: BundleError."""
    modules = read_modules(sources)
    values = {id(node): value for module in modules.values()
              for node, value in replaced(modules, module)}  # fmt: skip
    reached = Reached({name: m.tree for name, m in modules.items()}, set(values), entry)
    order = leaves_first(entry, modules, reached)
    labels = Labels(modules, reached, order)
    body: list[ast.stmt] = []
    for name in order:
        for unit in modules[name].tree.body:
            if id(unit) in reached.units:
                joiner = Joiner(name, modules[name], labels, values)
                body.extend(joiner.units(unit))
    body = without_unused(body, ENTRY_FUNCTION)
    parts = {main: body}
    needs, reads = {ENTRY_FUNCTION}, Reads()
    for module, rows in groupby(splits, lambda split: split.module):
        parts[module] = apart(body, needs, _roots(labels, rows), main, module, reads)
    imports = {name: _imports(part, labels) for name, part in parts.items()}
    borrowed = borrow_names({name: imports[name] + part for name, part in parts.items()}, main)
    texts = {name: _source(imports[name] + part) for name, part in parts.items()}
    texts[main] += "".join(f"{line}\n" for line in borrowed)
    return texts


def _roots(labels: Labels, splits: Iterable[Apart]) -> set[str]:
    """Return the bundle's names of what gets a module. Raises: BundleError."""
    roots = set()
    for split in splits:
        label = labels.of(split.source, split.label)
        if label is None:
            raise BundleError(f"{split.source}: {split.label} is not reached")
        roots.add(label)
    return roots


def _imports(body: list[ast.stmt], labels: Labels) -> list[ast.stmt]:
    return ast.parse("\n".join(sorted(labels.external_imports(body)))).body


def _source(body: list[ast.stmt]) -> str:
    return ast.unparse(ast.fix_missing_locations(ast.Module(body, []))) + "\n"


def leaves_first(entry: str, modules: dict[str, Module], reached: Reached) -> list[str]:
    """Return the modules in an order in which each stands behind those it needs."""
    order: list[str] = []
    entered = set()

    def enter(name: str) -> None:
        if name in entered or name not in modules:
            return
        entered.add(name)
        for at_top in (True, False):
            for node in _our_imports(modules[name].tree, at_top):
                enter(node.module or "")
                for alias in node.names:
                    enter(f"{node.module}.{alias.name}")
        order.append(name)

    enter(entry)
    return order


def _our_imports(tree: ast.Module, at_top: bool) -> Iterator[ast.ImportFrom]:
    nodes = tree.body if at_top else ast.walk(tree)
    return (node for node in nodes if isinstance(node, ast.ImportFrom) and is_ours(node))


class Labels:
    """Which name in the bundle each module's names have."""

    def __init__(self, modules: dict[str, Module], reached: Reached, order: list[str]) -> None:
        self._reached = reached
        self._global: dict[Name, str] = {}
        self._external: dict[Name, str] = {}
        taken = set(dir(builtins))
        for name in order:
            for label, text in _external_names(modules[name].tree):
                self._external[Name(name, label)] = text
                taken.add(label)
            taken.update(bound_in(reached.scopes[name].runs))
        for name in order:
            for unit in modules[name].tree.body:
                if id(unit) in reached.units:
                    for label in defined_by(unit):
                        self._claim(Name(name, label), taken)

    def _claim(self, name: Name, taken: set[str]) -> None:
        if name in self._global:
            return
        label, number = name.label, 2
        while label in taken:
            label, number = f"{name.label}{number}", number + 1
        taken.add(label)
        self._global[name] = label

    def of(self, module: str, label: str) -> str | None:
        """Return the bundle's name for a module's global, None if it is not one of ours."""
        name = Name(module, label)
        while name not in self._global:
            scope = self._reached.scopes.get(name.module)
            if scope is None or name.label not in scope.imported:
                return None
            name = scope.imported[name.label]
        return self._global[name]

    def module_of(self, module: str, label: str) -> str | None:
        """Return the module a label is bound to, None if it is no module of ours."""
        origin = self._reached.scopes[module].imported.get(label)
        return origin.module if origin is not None and not origin.label else None

    def external_imports(self, body: list[ast.stmt]) -> set[str]:
        """Return the import lines of other libraries' names that the joined code uses."""
        used = {node.id for unit in body for node in ast.walk(unit) if isinstance(node, ast.Name)}
        found: dict[str, str] = {}
        for name, text in self._external.items():
            if name.label in used and found.setdefault(name.label, text) != text:
                raise BundleError(f"{name.module}: {text}, elsewhere {found[name.label]}")
        return set(found.values())


def _external_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield (label, import line) of what a module takes from other libraries, at its top."""
    for unit in tree.body:
        for node in _statements_taken(unit):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    label = alias.asname or alias.name
                    yield label, ast.unparse(ast.Import([alias]))
            elif isinstance(node, ast.ImportFrom) and not is_ours(node):
                for alias in node.names:
                    line = ast.unparse(ast.ImportFrom(node.module, [alias], 0))
                    yield alias.asname or alias.name, line


def _statements_taken(unit: ast.stmt) -> Iterator[ast.AST]:
    """Yield a unit, or what is inside the branch that MicroPython takes."""
    if not isinstance(unit, ast.If):
        yield unit
        return
    for inner in _branch(unit) or [*unit.body, *unit.orelse]:
        yield from _statements_taken(inner)


def _branch(node: ast.If) -> list[ast.stmt] | None:
    """Return the branch of a test for the runtime, None if it is another test."""
    test = ast.unparse(node.test)
    if test == THIS_RUNTIME:
        return node.body
    if test == OTHER_RUNTIME:
        return node.orelse or [ast.Pass()]
    return None


class Joiner(ast.NodeTransformer):
    """Rewrites one unit of one module into the bundle's names."""

    def __init__(self, name: str, module: Module, labels: Labels, values: dict[int, int]) -> None:
        self._name = name
        self._labels = labels
        self._values = values
        self._scopes: list[set[str]] = []

    def units(self, unit: ast.stmt) -> list[ast.stmt]:
        """Return what stands in the bundle for a top-level statement."""
        found = self.visit(unit)
        units = found if isinstance(found, list) else [found]
        return [u for u in units if u is not None and not isinstance(u, ast.Pass)
                and not _is_text(u)]  # fmt: skip

    # Names -------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if id(node) in self._values:
            return ast.Constant(self._values[id(node)])
        if any(node.id in scope for scope in self._scopes):
            return node
        label = self._labels.of(self._name, node.id)
        if label is None or label == node.id:
            return node
        if any(label in scope for scope in self._scopes):
            raise BundleError(f"{self._name}: line {node.lineno} has its own {label}")
        return ast.Name(label, node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if id(node) in self._values:
            return ast.Constant(self._values[id(node)])
        if isinstance(node.value, ast.Name) and not any(node.value.id in s for s in self._scopes):
            origin = self._labels.module_of(self._name, node.value.id)
            if origin is not None:
                label = self._labels.of(origin, node.attr)
                if label is None:
                    raise BundleError(f"{self._name}: {origin} has no {node.attr}")
                return ast.Name(label, node.ctx)
        self.generic_visit(node)
        return node

    # Scopes ------------------------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        if not self._scopes:
            node.name = self._labels.of(self._name, node.name) or node.name
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        node.args.defaults = [self.visit(d) for d in node.args.defaults]
        node.returns = None
        for argument in (*node.args.args, *node.args.kwonlyargs):
            argument.annotation = None
        self._scopes.append(set(_bound(node)))
        node.body = self._block(node.body)
        self._scopes.pop()
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        self._scopes.append({a.arg for a in node.args.args})
        self.generic_visit(node)
        self._scopes.pop()
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        if not self._scopes:
            node.name = self._labels.of(self._name, node.name) or node.name
        node.bases = [self.visit(base) for base in node.bases]
        body: list[ast.stmt] = []
        for inner in node.body:
            if isinstance(inner, ast.FunctionDef):
                self._scopes.append(set())
                body.append(self.visit_FunctionDef(inner))
                self._scopes.pop()
            elif isinstance(inner, ast.Assign):
                inner.value = self.visit(inner.value)  # the names are the class's own
                body.append(inner)
            elif not _is_text(inner):
                body.append(self.visit(inner))
        node.body = body or [ast.Pass()]
        return node

    def visit_Global(self, node: ast.Global) -> ast.Global:
        raise BundleError(f"{self._name}: line {node.lineno} binds a global from inside")

    # Statements --------------------------------------------------------------------------

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt:
        return ast.Pass() if is_ours(node) or not self._scopes else node

    def visit_Import(self, node: ast.Import) -> ast.stmt:
        return node if self._scopes else ast.Pass()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if node.value is None:
            return ast.Pass()
        return self.visit(ast.Assign([node.target], node.value))  # type: ignore[no-any-return]

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | list[ast.stmt]:
        """Take `a, b = x, y` apart: written with parentheses it would allocate a tuple."""
        self.generic_visit(node)
        target, value = node.targets[0], node.value
        if not isinstance(target, ast.Tuple) or not isinstance(value, ast.Tuple):
            return node
        read = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}
        names = {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
        plain = all(isinstance(part, ast.Name) for part in target.elts)
        if not plain or read & names or len(target.elts) != len(value.elts):
            return node
        return [ast.Assign([t], v) for t, v in zip(target.elts, value.elts, strict=True)]

    def visit_Raise(self, node: ast.Raise) -> ast.stmt:
        self.generic_visit(node)
        if isinstance(node.exc, ast.Call):
            node.exc.args = [
                ast.Constant("") if _is_sentence(argument) else argument
                for argument in node.exc.args
            ]
        return node

    def visit_If(self, node: ast.If) -> ast.stmt | list[ast.stmt]:
        taken = _branch(node)
        if taken is not None:
            return self._block(taken)
        node.test = self.visit(node.test)
        node.body = self._block(node.body)
        node.orelse = self._block(node.orelse) if node.orelse else []
        return node

    def _block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """Rewrite a block; texts go, and so does what stands behind a return."""
        done: list[ast.stmt] = []
        for statement in statements:
            if _is_text(statement):
                continue
            found = self.visit(statement)
            done.extend(found if isinstance(found, list) else [found])
            if isinstance(done[-1], ast.Return | ast.Raise):
                break
        useful = [s for s in done if not isinstance(s, ast.Pass)]
        return useful or [ast.Pass()]


def _is_sentence(node: ast.expr) -> bool:
    text = node.left if isinstance(node, ast.BinOp) else node
    if isinstance(text, ast.JoinedStr):
        return True
    return isinstance(text, ast.Constant) and isinstance(text.value, str) and " " in text.value


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _bound(function: ast.FunctionDef) -> Iterator[str]:
    """Yield the names a function binds itself; imports of ours are the bundle's globals."""
    for argument in (*function.args.args, *function.args.kwonlyargs):
        yield argument.arg
    for extra in (function.args.vararg, function.args.kwarg):
        if extra is not None:
            yield extra.arg
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.id
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name
        elif isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom)
                                              and not is_ours(node)):  # fmt: skip
            for alias in node.names:
                yield alias.asname or alias.name
        waiting.extend(ast.iter_child_nodes(node))
