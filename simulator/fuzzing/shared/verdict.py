"""A verdict on one case, the same text on either runtime: an exception, or a digest of the value.

As a program: `micropython -X heapsize=N verdict.py ROOT READER`. It is fed, each behind a 24-bit
length, first the parts of the setup and then cases until the input ends; it prints a line a case,
and last what lived on the heap at its first looks and its last, "heap FIRST LAST" in bytes. Shared
dialect.
"""

import gc
import hashlib
import sys
from binascii import hexlify

HEAP_EVERY = 256  # cases between two looks at the heap
LOOKS = 4  # of which the least counts: the collector takes some of what is dead for alive


def verdict(read, refusals, case):
    """Return "refused NAME", "taken DIGEST", or "untyped NAME" for what must not be raised."""
    try:
        value = read(case)
    except refusals as error:
        return "refused " + type(error).__name__
    except Exception as error:  # noqa: BLE001  whatever it is, the other runtime must say it too
        return "untyped " + type(error).__name__
    hasher = hashlib.sha256()
    _feed(hasher, value)
    digest = hasher.digest()
    return "taken " + str(hexlify(digest[:8]), "ascii")


def _feed(hasher, value):
    """Put a value into a hash so that no two values look alike; True counts as 1."""
    if value is None:
        hasher.update(b"n")
    elif isinstance(value, (int, bool)):  # MicroPython's bool is no int
        hasher.update(b"i%d;" % int(value))
    elif isinstance(value, str):
        data = value.encode()
        hasher.update(b"s%d;" % len(data))
        hasher.update(data)
    elif isinstance(value, (bytes, bytearray)):
        hasher.update(b"b%d;" % len(value))
        hasher.update(value)
    elif isinstance(value, dict):
        hasher.update(b"d%d;" % len(value))
        for name in sorted(value):
            _feed(hasher, name)
            _feed(hasher, value[name])
    else:
        hasher.update(b"l%d;" % len(value))
        for item in value:
            _feed(hasher, item)


def _blob(stream):
    head = stream.read(3)
    if len(head) < 3:
        return None
    return stream.read(head[0] << 16 | head[1] << 8 | head[2])


def main(root, name):
    """Read standard input to its end; see above."""
    sys.path.insert(0, root)
    from simulator.fuzzing.shared.readers import reader_of

    stream = sys.stdin.buffer
    make, refusals = reader_of(name)
    count = _blob(stream)[0]
    read = make([_blob(stream) for _ in range(count)])
    looks = []
    cases = 0
    while True:
        case = _blob(stream)
        if case is None:
            break
        print(verdict(read, refusals, case))
        cases += 1
        case = None  # a long one would count as what the parser keeps
        if cases % HEAP_EVERY == 0:
            gc.collect()
            looks.append(gc.mem_alloc())  # type: ignore[attr-defined]
    looks = looks or [0]
    print("heap", min(looks[:LOOKS]), min(looks[-LOOKS:]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
