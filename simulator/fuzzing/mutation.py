"""How a case becomes a wrong one: bits, lengths, integers at edges, splices, fields, parts.

Every operation is (case, prng, work) -> case; which ones fit is the target's choice. The same
numbers drawn give the same case on every machine, so that a failure has a number and no file.
"""

from collections.abc import Callable, Sequence

from card_layouts.codec.bits import Layout, put_bits
from simulator.fuzzing.shared.parts import join_parts, split_parts
from simulator.fuzzing.target import Operation, Work
from simulator.prng import Prng

EDGES = (0, 1, 2, 7, 8, 15, 16, 23, 24, 31, 32, 63, 64, 127, 128, 254, 255)
WIDE_EDGES = (0, 1, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x3FFFFFFF, 0x40000000,
              0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)  # fmt: skip
SIZES = (1, 2, 4, 8)
CASE_BYTES_MAX = 1 << 17
ROUNDS_MAX = 4


def case_of(work: Work, seed: int, number: int) -> bytes:
    """Return case `number` of a run: the seeds themselves first, then mutated ones."""
    if number < len(work.seeds):
        return work.seeds[number]
    prng = Prng(seed << 32 | number & 0xFFFFFFFF, number >> 32)
    case = work.seeds[prng.below(len(work.seeds))]
    rounds = 1
    while rounds < ROUNDS_MAX and prng.below(2):
        rounds += 1
    for _ in range(rounds):
        case = work.operations[prng.below(len(work.operations))](case, prng, work)
    if work.repair is not None and prng.below(4):
        case = work.repair(case, prng, work)
    return case[:CASE_BYTES_MAX]


def flip(case: bytes, prng: Prng, work: Work) -> bytes:
    """Turn over one bit."""
    if not case:
        return case
    out = bytearray(case)
    out[prng.below(len(out))] ^= 1 << prng.below(8)
    return bytes(out)


def edge(case: bytes, prng: Prng, work: Work) -> bytes:
    """Put a byte that is an edge, or any."""
    if not case:
        return case
    out = bytearray(case)
    value = EDGES[prng.below(len(EDGES))] if prng.below(3) else prng.below(256)
    out[prng.below(len(out))] = value
    return bytes(out)


def wide_edge(case: bytes, prng: Prng, work: Work) -> bytes:
    """Put an integer of 1, 2, 4 or 8 bytes at its edges, either end first."""
    size = SIZES[prng.below(4)]
    if len(case) < size:
        return case
    at = prng.below(len(case) - size + 1)
    value = WIDE_EDGES[prng.below(len(WIDE_EDGES))] & (1 << 8 * size) - 1
    return (
        case[:at] + value.to_bytes(size, "big" if prng.below(2) else "little") + case[at + size :]
    )


def step(case: bytes, prng: Prng, work: Work) -> bytes:
    """Make a byte a little larger or smaller: a length that lies."""
    if not case:
        return case
    out = bytearray(case)
    at = prng.below(len(out))
    out[at] = out[at] + (1, -1, 2, -2)[prng.below(4)] & 255
    return bytes(out)


def cut(case: bytes, prng: Prng, work: Work) -> bytes:
    """Take away the end, or a piece."""
    if not case:
        return case
    at = prng.below(len(case))
    if prng.below(2):
        return case[:at]
    return case[:at] + case[at + 1 + prng.below(min(16, len(case))) :]


def grow(case: bytes, prng: Prng, work: Work) -> bytes:
    """Put bytes behind the end or between."""
    more = prng.bytes(1 + prng.below(9)) if prng.below(2) else bytes([EDGES[prng.below(17)]])
    at = len(case) if prng.below(2) else prng.below(len(case) + 1)
    return case[:at] + more + case[at:]


def double(case: bytes, prng: Prng, work: Work) -> bytes:
    """Say a piece twice."""
    if not case:
        return case
    at = prng.below(len(case))
    end = at + 1 + prng.below(min(64, len(case)))
    return case[:end] + case[at:end] + case[end:]


def splice(case: bytes, prng: Prng, work: Work) -> bytes:
    """Go on with another seed, at the same place or any."""
    other = work.seeds[prng.below(len(work.seeds))]
    at = prng.below(len(case) + 1)
    start = min(at, len(other)) if prng.below(2) else prng.below(len(other) + 1)
    return case[:at] + other[start:]


def word(case: bytes, prng: Prng, work: Work) -> bytes:
    """Put one of the target's words in or over."""
    if not work.words:
        return flip(case, prng, work)
    said = work.words[prng.below(len(work.words))]
    at = prng.below(len(case) + 1)
    return case[:at] + said + case[at + (len(said) if prng.below(2) else 0) :]


BYTES: tuple[Operation, ...] = (flip, edge, wide_edge, step, cut, grow, double, splice, word)


def in_fields(*layouts: Layout, at: int = 0) -> Operation:
    """Return an operation that puts a field of one of the layouts to its edge."""
    rows = [
        [(bit, width) for bit, width, name in layout.rows() if name not in ("free", "spare")]
        for layout in layouts
    ]

    def operation(case: bytes, prng: Prng, work: Work) -> bytes:
        fields = rows[prng.below(len(rows))]
        bit, width = fields[prng.below(len(fields))]
        bit += 8 * at
        if bit + width > 8 * len(case):
            return case
        out = bytearray(case)
        if width > 30:
            out[bit // 8 : (bit + width) // 8] = prng.bytes(width // 8)
        else:
            most = (1 << width) - 1
            value = (0, 1, most, most - 1, most >> 1, prng.below(most + 1))[prng.below(6)]
            put_bits(out, bit, width, min(value, most))
        return bytes(out)

    return operation


def in_parts(*operations: Operation) -> Operation:
    """Return an operation that works inside a part, or with parts as wholes; lengths stay right."""

    def operation(case: bytes, prng: Prng, work: Work) -> bytes:
        parts = split_parts(case)
        if not parts:
            return case
        at = prng.below(len(parts))
        what = prng.below(10)
        if what == 0:
            del parts[at]
        elif what == 1:
            parts.insert(at, parts[prng.below(len(parts))])
        elif what == 2:
            parts[at] = parts[prng.below(len(parts))]
        elif what == 3:
            others = split_parts(work.seeds[prng.below(len(work.seeds))])
            if others:
                parts[at:] = others[prng.below(len(others)) :]
        else:
            parts[at] = operations[prng.below(len(operations))](parts[at], prng, work)
        return join_parts([part[:0xFFFF] for part in parts])

    return operation


def fixed(*operations: Operation, size: int) -> Operation:
    """Return an operation whose case keeps its size: cut ones are filled up, long ones cut."""

    def operation(case: bytes, prng: Prng, work: Work) -> bytes:
        changed = operations[prng.below(len(operations))](case, prng, work)
        return changed[:size] + bytes(max(0, size - len(changed)))

    return operation


def sealed(seal: Callable[[bytes], bytes]) -> Operation:
    """Return a repair that needs nothing but the case."""
    return lambda case, prng, work: seal(case)


def both(first: Sequence[Operation], second: Sequence[Operation]) -> tuple[Operation, ...]:
    """Return operations of two kinds, each kind as often as the other."""
    most = max(len(first), len(second))
    rows = [first[i % len(first)] for i in range(most)] + [
        second[i % len(second)] for i in range(most)
    ]
    return tuple(rows)
