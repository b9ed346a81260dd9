"""Sets of counters kept as a few ranges: the holes of a card and of a device's journal.

A card at n = 16,000,000 nobody ever saw is one range, not sixteen million rows. As text:
"3-7,9" (also how people read it in the database). Pure.
"""

Ranges = list[tuple[int, int]]  # ascending, disjoint, both ends included


def parse(text: str) -> Ranges:
    """Return the ranges of "3-7,9"."""
    found = []
    for part in text.split(",") if text else ():
        low, _, high = part.partition("-")
        found.append((int(low), int(high or low)))
    return found


def text(ranges: Ranges) -> str:
    """Return "3-7,9"; the empty set is the empty text."""
    return ",".join(f"{low}-{high}" if high > low else str(low) for low, high in ranges)


def contains(ranges: Ranges, number: int) -> bool:
    return any(low <= number <= high for low, high in ranges)


def size(ranges: Ranges) -> int:
    return sum(high - low + 1 for low, high in ranges)


def without(ranges: Ranges, number: int) -> Ranges:
    """Return the ranges less one number."""
    left: Ranges = []
    for low, high in ranges:
        if not low <= number <= high:
            left.append((low, high))
            continue
        if low < number:
            left.append((low, number - 1))
        if number < high:
            left.append((number + 1, high))
    return left


def less(ranges: Ranges, taken: Ranges) -> Ranges:
    """Return the part of the ranges that is in none of those taken."""
    for low, high in taken:
        ranges = [
            part
            for first, last in ranges
            for part in ((first, min(last, low - 1)), (max(first, high + 1), last))
            if part[0] <= part[1]
        ]
    return ranges


def joined(ranges: Ranges, more: Ranges) -> Ranges:
    """Return the union, neighbours melted together."""
    result: Ranges = []
    for low, high in sorted(ranges + more):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return result


def above(ranges: Ranges, floor: int) -> Ranges:
    """Return the part of the ranges that lies above `floor`."""
    return [(max(low, floor + 1), high) for low, high in ranges if high > floor]


def holes(ranges: Ranges, first: int, last: int) -> Ranges:
    """Return what is missing from first..last."""
    found: Ranges = []
    at = first
    for low, high in ranges:
        if low > at:
            found.append((at, min(low - 1, last)))
        at = max(at, high + 1)
    if at <= last:
        found.append((at, last))
    return [(low, high) for low, high in found if low <= high]
