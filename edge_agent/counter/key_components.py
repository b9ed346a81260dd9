"""Key components: each custodian holds one, nobody holds the keys; XORed together they are them.

A component is a text of one line a key, `NAME HEX CHECK`, short enough to be typed in from paper.
The check value is the first three bytes of sixteen bytes 01 enciphered by the key (AES, ECB), as
card industry tools print it: it shows a mistyped digit, and that two people have the same key.
Source: decisions.md D10 (masters per scheme and generation); SECURITY.md "Pilot only".
"""

import json
import re
from collections.abc import Callable, Sequence

from card_layouts.crypto.aes import ECB, aes
from edge_agent.counter.desk import CounterError

MASTERS = ("K0", "K1", "K2", "K3", "K4", "PICC", "TICKET")
KEY_BYTES, CHECK_BYTES = 16, 3
CHECKED = b"\x01" * KEY_BYTES
NOTICE = "PILOT ONLY: software keys. Whoever reads this file can make and load cards."
FORMAT = "tornello-masters-1"
_LINE = re.compile(r"([A-Z]+[0-9]?) ([0-9A-Fa-f ]+) ([0-9A-Fa-f]{6})")
Component = dict[str, bytes]


def check_value(key: bytes) -> str:
    """Return the check value of a 16-byte key, 6 hexadecimal digits."""
    return bytes(aes(key, ECB).encrypt(CHECKED))[:CHECK_BYTES].hex().upper()


def draw(random_bytes: Callable[[int], bytes]) -> Component:
    """Return a fresh component of every master."""
    return {name: random_bytes(KEY_BYTES) for name in MASTERS}


def component_text(component: Component) -> str:
    """Return a component as it is written down, in groups of four digits."""
    lines = ["# One component of the masters of a scheme. For ONE custodian's eyes; mode 600."]
    for name, value in component.items():
        digits = value.hex().upper()
        groups = " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
        lines.append(f"{name:<6} {groups}  {check_value(value)}")
    return "\n".join(lines) + "\n"


def parse_component(text: str, where: str) -> Component:
    """Read a component. Raises: CounterError naming the line; a key is never in its words."""
    found: Component = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = " ".join(line.partition("#")[0].split())
        if not words:
            continue
        match = _LINE.fullmatch(words)
        digits = match[2].replace(" ", "") if match else ""
        if match is None or match[1] not in MASTERS or len(digits) != 2 * KEY_BYTES:
            raise CounterError(f"{where}: line {number}: wanted NAME, 32 digits, check value")
        if match[1] in found:
            raise CounterError(f"{where}: line {number}: {match[1]} stands there twice")
        value = bytes.fromhex(digits)
        if check_value(value) != match[3].upper():
            raise CounterError(
                f"{where}: line {number}: {match[1]}: the check value is not {match[3].upper()}; "
                "a digit is mistyped"
            )
        found[match[1]] = value
    missing = [name for name in MASTERS if name not in found]
    if missing:
        raise CounterError(f"{where}: no line for {', '.join(missing)}")
    return found


def join(components: Sequence[Component]) -> Component:
    """Return the masters of two components or more. Raises: CounterError if two are the same."""
    if len(components) < 2:
        raise CounterError(f"{len(components)} component: two custodians at least, or one has all")
    for at, component in enumerate(components):
        if component in components[:at]:
            raise CounterError("the same component twice: the keys would be none")
    masters = {name: bytes(KEY_BYTES) for name in MASTERS}
    for component in components:
        for name, value in component.items():
            masters[name] = bytes(a ^ b for a, b in zip(masters[name], value, strict=True))
    return masters


def masters_text(masters: Component, generation: int) -> str:
    """Return the master key file: what `tornello keyring init --masters` takes."""
    rows = {name: value.hex() for name, value in masters.items()}
    checks = {name: check_value(value) for name, value in masters.items()}
    tree = {"format": FORMAT, "notice": NOTICE, "generation": generation, "masters": rows}
    return json.dumps({**tree, "check_values": checks}, indent=1) + "\n"
