"""Every change of one rule: a comparison, a sum, a constant, an index, a condition, an extreme.

A mutation is known by its module and its place in that module's syntax tree, as the file was when
the run began; the broken code is compiled only where it is run. A constant that is assigned as a
flag becomes the other truth: 2 for 1 would be the same flag.
"""

import ast
from pathlib import Path

ENGINE = Path(__file__).resolve().parents[2] / "card_layouts" / "fares"
ENGINE_TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(ENGINE.glob("*.py"))}
NAMES = {"inputs", "sections", "mounted"}  # names, numbers and first values; rules in functions
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

    def __init__(self, module, line, text, what, place=None, lines=None):
        self.module, self.line, self.text, self.what = module, line, text, what
        self.place = place  # number of the node in the tree; None: `text` is the whole module
        self.lines = lines  # that run the rule; None: it stands outside functions

    def __str__(self):
        return f"card_layouts/fares/{self.module}.py:{self.line}: {self.what}"

    def code(self):
        """Return the broken module, compiled."""
        if self.place is None:
            return compile(self.text, self.module, "exec")
        tree = ast.parse(ENGINE_TEXTS[self.module])
        node, flag = _nodes(tree)[self.place]
        change_of(node, flag)(node)
        return compile(ast.fix_missing_locations(tree), self.module, "exec")


def all_mutants():
    """Return every mutant of every module that holds a rule, in the order of the files."""
    return [mutant for module in ENGINE_TEXTS for mutant in mutants_of(module)]


def mutants_of(module):
    """Return the mutants of one module of the engine."""
    text = ENGINE_TEXTS[module]
    lines, found, tree = text.splitlines(), [], ast.parse(text)
    around = {id(part): node for node in ast.walk(tree) for part in ast.iter_child_nodes(node)}
    inside = _in_functions(tree, but="__init__" if module in NAMES else "")
    for place, (node, flag) in enumerate(_nodes(tree)):
        change = change_of(node, flag)
        if change and (id(node) in inside or module not in NAMES):
            before, kept = ast.unparse(node), dict(node.__dict__)
            change(node)
            what = f"`{_short(before)}` became `{_short(ast.unparse(node))}`"
            node.__dict__.update(kept)
            if isinstance(node, ast.Constant):  # a line may hold the same number twice
                what += f" in `{_short(ast.unparse(around[id(node)]))}`"
            line = lines[node.lineno - 1].strip()
            run = _lines_of(node) if id(node) in inside else None
            found.append(Mutant(module, node.lineno, line, what, place, run))
    return found


def _in_functions(tree, but):
    """Return the ids of the nodes that run when a function is called."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    rules = [part for function in functions if function.name != but for part in function.body]
    return {id(node) for part in rules for node in ast.walk(part)}


def _lines_of(node):
    """Return the lines that run when this node does: of `if` the condition's."""
    last = getattr(node, "test", node)
    return range(node.lineno, last.end_lineno + 1)


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
