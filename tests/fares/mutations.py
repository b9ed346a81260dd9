"""Every change of one rule: a comparison, a sum, a constant, an index, a condition, an extreme.

A mutation is known by its module and its place in that module's syntax tree; the broken code is
compiled only where it is run. A constant that is assigned as a flag becomes the other truth: 2 for
1 would be the same flag.
"""

import ast
from pathlib import Path

ENGINE = Path(__file__).resolve().parents[2] / "card_layouts" / "fares"
NOT_RULES = {"__init__", "inputs", "sections"}  # names and numbers only
NOT_RULES |= {"mounted"}  # sizes and first values of memory that every tap fills anew
SWAPPED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


class Mutant:
    """One change: module, line, that line's text, and what was changed into what."""

    def __init__(self, module, line, text, what, place=None):
        self.module, self.line, self.text, self.what = module, line, text, what
        self.place = place  # number of the node in the tree; None: `text` is the whole module

    def __str__(self):
        return f"card_layouts/fares/{self.module}.py:{self.line}: {self.what}"

    def code(self):
        """Return the broken module, compiled."""
        if self.place is None:
            return compile(self.text, self.module, "exec")
        tree = ast.parse((ENGINE / f"{self.module}.py").read_text(encoding="utf-8"))
        node, flag = _nodes(tree)[self.place]
        change_of(node, flag)(node)
        return compile(ast.fix_missing_locations(tree), self.module, "exec")


def all_mutants():
    """Return every mutant of every module that holds a rule, in the order of the files."""
    modules = [path for path in sorted(ENGINE.glob("*.py")) if path.stem not in NOT_RULES]
    return [mutant for path in modules for mutant in mutants_of(path.stem)]


def mutants_of(module):
    """Return the mutants of one module of the engine."""
    text = (ENGINE / f"{module}.py").read_text(encoding="utf-8")
    lines, found = text.splitlines(), []
    for place, (node, flag) in enumerate(_nodes(ast.parse(text))):
        change = change_of(node, flag)
        if change:
            before, kept = ast.unparse(node), dict(node.__dict__)
            change(node)
            what = f"`{_short(before)}` became `{_short(ast.unparse(node))}`"
            node.__dict__.update(kept)
            line = lines[node.lineno - 1].strip()
            found.append(Mutant(module, node.lineno, line, what, place))
    return found


def _nodes(tree):
    """Return [(node, is it a constant assigned as a flag)] in a fixed order."""
    flags = {id(value) for node in ast.walk(tree) for value in _flag_values(node)}
    return [(node, id(node) in flags) for node in ast.walk(tree) if hasattr(node, "lineno")]


FLAGS = {"open", "inside", "own", "found", "too_many", "starts", "capped", "accepted", "at_stop"}
FLAGS |= {"surcharge_once", "cap_clips", "waived", "beside", "early"}
FLAG_FIELDS = {"O_NEW", "O_NIGHT", "O_CLIP", "O_CAPPED", "O_BILLED", "D_T_WRITE"}


def _flag_values(node):
    """Return the constants that this assignment gives to a flag, `x = 1 if y else 0` included."""
    if not isinstance(node, ast.Assign) or not any(map(_is_flag, node.targets)):
        return []
    value = node.value
    ways = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
    return [way for way in ways if isinstance(way, ast.Constant) and way.value in (0, 1)]


def _is_flag(target):
    if isinstance(target, ast.Subscript):
        index = target.slice
        if getattr(index, "attr", getattr(index, "id", "")) in FLAG_FIELDS:
            return True
        target = target.value
    return getattr(target, "attr", getattr(target, "id", "")) in FLAGS


def change_of(node, flag):
    """Return the function that breaks a node of this kind, None if this kind is left alone."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in SWAPPED:
        return _swap_comparison
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in SWAPPED:
        return _swap_operator
    if isinstance(node, ast.BoolOp):
        return _swap_operator
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _drop_not
    if isinstance(node, ast.Constant) and type(node.value) in (int, bool):
        return _other_truth if flag or type(node.value) is bool else _one_more
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name | ast.Attribute):
        return _next_index
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        return _other_condition
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("min", "max"):
        return _other_extreme
    return None


def _swap_comparison(node):
    node.ops = [SWAPPED[type(node.ops[0])]()]


def _swap_operator(node):
    node.op = SWAPPED[type(node.op)]()


def _drop_not(node):
    node.operand = ast.UnaryOp(ast.Not(), node.operand)


def _one_more(node):
    node.value += 1


def _other_truth(node):
    node.value = type(node.value)(not node.value)


def _next_index(node):
    node.slice = ast.BinOp(node.slice, ast.Add(), ast.Constant(1))


def _other_condition(node):
    node.test = ast.UnaryOp(ast.Not(), node.test)


def _other_extreme(node):
    node.func = ast.Name("max" if node.func.id == "min" else "min", ast.Load())


def _short(text):
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."
