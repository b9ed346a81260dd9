"""Which way imports point (ARCHITECTURE.md), read from the source with `ast`.

Pure: every rule takes (module path, source text) and returns sentences, so that the rules can be
shown to fail on planted code.
"""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

OURS = (
    *("card_layouts", "firmware", "edge_agent", "backend_sync", "auditor"),
    *("simulator", "tests"),
)
MAY_IMPORT = {
    "card_layouts": ("card_layouts",),
    "firmware": ("firmware", "card_layouts"),
    "edge_agent": ("edge_agent", "card_layouts"),
    "backend_sync": ("backend_sync", "card_layouts"),
    "auditor": ("auditor", "card_layouts"),
    "simulator": OURS[:6],
}
WHY = {
    "card_layouts": "card_layouts is what all programs agree on, so it knows none of them",
    "firmware": "the validator knows the shared layouts and nothing of edge or backend",
    "edge_agent": "the edge carries sealed bytes: it knows layouts, no device's or ledger's code",
    "backend_sync": "the ledger judges bytes, whoever made them: it knows layouts only",
    "auditor": "the auditor believes neither ledger nor edge: it knows what all must agree on",
    "simulator": "the simulator runs the four real programs and is known by none of them",
}
# What shared code may take from the standard library: MicroPython has these, and they are pure.
SHARED_LIBRARY = {"array", "binascii", "collections", "cryptolib", "hashlib", "struct", "sys"}
# Wiring may know everything of its program; adapters touch the world; the rest are services.
WIRING = {"app", "main", "__main__", "boot", "cli", "boards", "tools"}
ADAPTERS = {
    "firmware": {"drivers", "boards"},
    "edge_agent": {"mqtt", "drivers", "clocks"},
    "backend_sync": {"mqtt", "clocks"},
}
# Ticks, not coroutines: the simulator calls the same ticks, and a stack trace stays whole.
LOOPS_OF_THEIR_OWN = {"asyncio", "uasyncio"}
# Losing words of the glossary, and the one that won.
WORDS = {
    "blacklist": "hotlist",
    "whitelist": "allowed",
    "denylist": "hotlist",
    "deny_list": "hotlist",
    "receipt": "acknowledgement (a receipt is what a customer gets)",
}


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Every imported module with its line; `from a import b` gives `a.b` too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level


def wrong_arrows(path: str, source: str) -> list[str]:
    folder = path.split("/")[0]
    allowed, found = MAY_IMPORT[folder], []
    for line, name in imports(source):
        top = name.split(".")[0]
        if name.startswith("."):
            found.append(f"{path}:{line} imports relatively; shared code is found by its full name")
        elif top in OURS and top not in allowed:
            found.append(f"{path}:{line} imports {top}: {WHY[folder]}")
        elif folder == "card_layouts" and not is_off_board(path, source) and top not in allowed:
            if top not in SHARED_LIBRARY and not is_guarded(source, line):
                found.append(f"{path}:{line} imports {top}, which MicroPython lacks or is not pure")
    return found


def is_off_board(path: str, source: str) -> bool:
    """Files of card_layouts that never go on a board say so: in their name or first lines."""
    words = (ast.get_docstring(ast.parse(source)) or "").lower()
    suffixes = ("_cpython", "_builder")
    return PurePosixPath(path).stem.endswith(suffixes) or "left out of the board's image" in words


def is_guarded(source: str, line: int) -> bool:
    """An import inside `if` or `try` chooses between the runtimes."""
    return source.splitlines()[line - 1].startswith((" ", "\t"))


def wrong_layers(path: str, source: str) -> list[str]:
    """Services that know an adapter, or bring a loop of their own."""
    parts = PurePosixPath(path).with_suffix("").parts
    adapters = ADAPTERS.get(parts[0])
    if adapters is None or WIRING & set(parts) or adapters & set(parts):
        return []
    found = []
    for line, name in imports(source):
        if name.split(".")[0] in LOOPS_OF_THEIR_OWN:
            found.append(f"{path}:{line} imports {name.split('.')[0]}: services have ticks")
        if name.startswith(f"{parts[0]}.") and adapters & set(name.split(".")):
            found.append(
                f"{path}:{line} imports {name}: services know ports, wiring brings adapters"
            )
    return found


def losing_words(path: str, source: str) -> list[str]:
    found = []
    for line, name in identifiers(path, source):
        for word, winner in WORDS.items():
            if word in name.lower():
                found.append(f"{path}:{line} says '{name}'; the word is {winner}")
    return found


def identifiers(path: str, source: str) -> Iterator[tuple[int, str]]:
    yield 1, PurePosixPath(path).stem
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Name):
            yield line, node.id
        elif isinstance(node, ast.Attribute):
            yield line, node.attr
        elif isinstance(node, ast.arg):
            yield line, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield line, node.name
        elif isinstance(node, ast.keyword) and node.arg:
            yield line, node.arg
        elif isinstance(node, ast.alias):
            yield line, node.asname or node.name


def waits_or_clocks(path: str, source: str) -> list[str]:
    """Wall-clock sleeping and reading outside wiring and adapters: the clock is a port."""
    parts = PurePosixPath(path).with_suffix("").parts
    if WIRING & set(parts) or ADAPTERS.get(parts[0], set()) & set(parts):
        return []
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in CLOCK_CALLS:
            found.append(
                f"{path}:{node.lineno} calls {ast.unparse(node.func)}: the clock is a port"
            )
    return found


CLOCK_CALLS = {
    "time.sleep",
    "time.sleep_ms",
    "time.time",
    "time.time_ns",
    "datetime.now",
    "datetime.utcnow",
    "datetime.datetime.now",
    "datetime.date.today",
    "date.today",
}
