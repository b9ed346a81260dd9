"""Questions to a real card that steps alone cannot ask: times, blocks, tears by hand, a ticket.

Each function returns what was found as text, to be compared with EXPECTED; a missing answer says
why the question was not asked.
"""

from collections.abc import Callable, Iterator
from typing import Any

from card_layouts.cards.conversation import FRAME_BYTES, converse
from card_layouts.cards.ulc_layout import PAGE_COUNTER
from card_layouts.cards.ultralight_c import FACTORY_KEY, Session, counter_of
from card_layouts.crypto.triple_des_cpython import TripleDes
from edge_agent.counter.silicon_bench import LOST, SiliconBench
from edge_agent.ports import CardReader, Clock, Entropy

WHOLE = "whole old or whole new"
MEASURED = ""  # nothing is expected
COMMITS = 10
LIFTS = 5
PAGE_MS = 5000
# id, question, what our card answers
SPECIAL = (
    ("F.1", "ATS of the activation", "067577810280"),
    ("7.7", "time of a commit of one file and of four files", MEASURED),
    ("N.1", "R(NAK): the last block again, or R(ACK)", "last block again, R(ACK)"),
    ("N.2", "and nothing is carried out twice", "00F9010000"),
    ("7.8", "a commit torn by hand (--hand): four files", WHOLE),
)
TICKET = (("7.11", "Ultralight C: counter before and after the field was off", "+0, then +1"),)
# One transaction over four files; `mark` goes into the data, 1 is added to both values.
FOUR_FILES = (
    "0C 01 01000000; 0C 0C 01000000; 3D 03 000000 010000 {mark}; 3B 05 000000 010000 {mark}"
)
VALUE_BEFORE = 500


class NotAsked(Exception):
    """The question does not fit this reader or this run; the message says why."""


def ats(bench: SiliconBench) -> str:
    """Return the ATS as the reader shows it."""
    if not bench.found.ats:
        raise NotAsked("this reader does not show the ATS")
    return bench.found.ats.hex().upper()


def commit_times(bench: SiliconBench, clock: Clock) -> str:
    """Return the shortest of some commits of one file and of four, in milliseconds."""
    found = []
    for stage in ("0C 01 01000000", FOUR_FILES.format(mark="01")):
        times = []
        for _ in range(COMMITS):
            bench.make("card")
            bench.run(f"@app; {stage}")
            begin = clock.monotonic_ms()
            bench.run("C7")
            times.append(clock.monotonic_ms() - begin)
            bench.scene = ""
        found.append(min(times))
    return f"{found[0]} ms, {found[1]} ms"


def asked_again(bench: SiliconBench) -> str:
    """Ask for the last block under both numbers; a reader that sends blocks is needed."""
    block: Callable[[bytes], bytes | None] | None = getattr(bench.reader, "block", None)
    if block is None:
        raise NotAsked("this reader sends its own blocks; nfcpy:PORT sends ours")
    bench.make("card")
    bench.run("@app; 0C 01 05000000")
    words = set()
    for number in (0, 1):
        said = block(bytes((0xB2 | number,))) or b""
        again = said[:1] in (b"\x02", b"\x03") and said[1:] == b"\x00"
        words.add(
            "last block again" if again else "R(ACK)" if _is_ack(said) else said.hex() or LOST
        )
    return ", ".join(sorted(words, key=lambda word: word == "R(ACK)"))


def value_after_asking(bench: SiliconBench) -> str:
    """Commit what `asked_again` staged once; return the value."""
    if getattr(bench.reader, "block", None) is None:
        raise NotAsked("this reader sends its own blocks; nfcpy:PORT sends ours")
    bench.run("C7")
    return bench.run("6C 01", whole=True)


def torn_by_hand(bench: SiliconBench, ask: Callable[[str], None]) -> str:
    """Commit again and again while a person lifts the card; return what was left behind."""
    for lift in range(1, LIFTS + 1):
        bench.make("card")
        ask(f"Lift {lift} of {LIFTS}: press Enter and then take the card away.")
        for number in range(1, 256):
            stage = FOUR_FILES.format(mark=f"{number:02X}")
            if LOST in bench.run(f"@app; {stage}; C7"):
                break
        ask("Lay the card on the reader again and press Enter.")
        bench.activate()
        rows = ("BD 03 000000 010000", "BB 05 000000 010000", "6C 01", "6C 0C")
        found = [bytes.fromhex(bench.run(f"@app; {row}", whole=True)) for row in rows]
        counts = [found[0][1], found[1][1]]
        counts += [int.from_bytes(value[1:], "little") - VALUE_BEFORE for value in found[2:]]
        if len(set(counts)) != 1 and counts != [0, ord("0"), 0, 0]:  # as the card was made
            return f"mixed: the files are {counts} transactions old"
    return WHOLE


def ticket_counter(reader: CardReader, entropy: Entropy) -> str:
    """Raise the counter of an Ultralight C with the factory's key by one; return what it shows."""
    session = Session(bytearray(FRAME_BYTES))

    def visit(raising: bool) -> Iterator[Any]:
        yield from session.authenticate(FACTORY_KEY, entropy.random_bytes(8), TripleDes)
        if raising:
            before = counter_of((yield from session.read(PAGE_COUNTER)))
            yield from session.increment(1) if before else session.set_counter(1)
        return counter_of((yield from session.read(PAGE_COUNTER)))

    found = []
    for raising in (False, True, False):
        reader.wait(PAGE_MS)
        found.append(converse(visit(raising), session.frame, reader.exchange))
    return f"+{found[1] - found[0]}, then +{found[2] - found[0]}"


def _is_ack(block: bytes) -> bool:
    return len(block) == 1 and block[0] & 0xF6 == 0xA2
