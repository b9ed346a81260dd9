"""What goes wrong while a board stands in a dock: each function sets it up for one visit."""

from binascii import crc32
from collections.abc import Callable
from typing import TYPE_CHECKING

from card_layouts.codec import cobs
from card_layouts.errors import LayoutError
from card_layouts.link import messages
from card_layouts.link.frames import encode_frame
from simulator.flash import LOST, WORN, FlashFault
from simulator.histories.card_faults import WORN_MAX, any_cut
from simulator.prng import Prng

if TYPE_CHECKING:
    from simulator.histories.dockings import Visit
    from simulator.histories.world import World

OPERATIONS_MAX = 120  # of flash: a whole visit with packages makes about so many
STATEMENTS_MAX = 60
FORGED_FRAMES = 12
CRC_BYTES = 4


def garbled(world: "World", visit: "Visit", prng: Prng) -> None:
    """Flip bits, drop bytes and add some, in a share of the pieces that pass."""
    chance = prng.choice((2, 10, 40))

    def disturb(way: str, data: bytes) -> bytes:
        if not data or not prng.chance(chance, 100):
            return data
        at = prng.below(len(data))
        kind = prng.below(3)
        if kind == 0:
            return data[:at] + bytes([data[at] ^ 1 << prng.below(8)]) + data[at + 1 :]
        return data[:at] + (data[at + 1 :] if kind == 1 else prng.bytes(3) + data[at:])

    _disturb(world, visit, disturb, "link-garbled", f"{chance} % of the pieces")


def _disturb(
    world: "World", visit: "Visit", disturb: Callable[[str, bytes], bytes], fault: str, said: str
) -> None:
    """Disturb the line; it strikes with the first piece that arrives otherwise than it was sent."""
    changed_pieces: list[bytes] = []

    def disturbed(way: str, data: bytes) -> bytes:
        other = disturb(way, data)
        changed_pieces.extend([other] * (other != data))
        return other

    visit.dock.disturb = disturbed
    world.strike_when(lambda: bool(changed_pieces), fault, visit.board.name, said)


def cut(world: "World", visit: "Visit", prng: Prng) -> None:
    """Take the board away at any moment."""
    stays_ms = prng.below(1500)
    visit.until_ms = min(visit.until_ms, world.clock.now_ms + stays_ms)
    world.strike("link-cut", visit.board.name, f"taken away after {stays_ms} ms")


def replayed(world: "World", visit: "Visit", prng: Prng) -> None:
    """Put old pieces of this dock's line between the new ones."""
    heard = list(visit.dock.heard)

    def disturb(way: str, data: bytes) -> bytes:
        same_way = [piece for was, piece in heard if was == way]
        if same_way and prng.chance(1, 4):
            return data + prng.choice(same_way)
        if prng.chance(1, 6):
            return data + data
        return data

    _disturb(world, visit, disturb, "link-replayed", f"{len(heard)} old pieces at hand")


def changed(world: "World", visit: "Visit", prng: Prng) -> None:
    """Change frames in the middle and make their checksums right."""

    def disturb(way: str, data: bytes) -> bytes:
        return _tampered(data, prng) if prng.chance(1, 4) else data

    _disturb(world, visit, disturb, "link-changed", "a man in the middle")


def hostile(world: "World", visit: "Visit", prng: Prng) -> None:
    """Send what a dock without keys can send: questions, acknowledgements and packages."""
    kinds = (messages.PULL, messages.ACK, messages.OFFER, messages.CHUNK, messages.BYE)
    for _ in range(FORGED_FRAMES):
        body = prng.bytes(prng.choice((0, 8, 64, 140)))
        kind = prng.choice((*kinds, messages.CHALLENGE, messages.CALL))
        visit.board.link.waiting += encode_frame(kind, body)
        visit.dock.waiting += encode_frame(prng.choice((messages.PROOF, messages.SLOTS)), body)
    world.strike("hostile-dock", visit.board.name, f"{FORGED_FRAMES} forged frames each way")


def power_cut(world: "World", visit: "Visit", prng: Prng) -> None:
    """Let the power go at an operation of the flash during the visit."""
    board = visit.board
    board.flash.restart_count()
    board.flash.cut_at(any_cut(prng, OPERATIONS_MAX if prng.chance(1, 3) else 6))
    boots = board.boots

    def over() -> None:
        board.flash.cut_at()
        if board.boots > boots or not board.is_on:
            world.strike("dock-power-cut", board.name, "lost power in the dock")

    visit.at_end.append(over)
    world.boot_cuts[board.device] = [any_cut(prng, 3) for _ in range(prng.below(3))]


def flash_lost(world: "World", visit: "Visit", prng: Prng) -> None:
    """Let an operation of the flash not take while packages and acknowledgements come."""
    _flash_fault(world, visit, FlashFault(prng.below(OPERATIONS_MAX // 3), LOST, prng.u32()))


def flash_worn(world: "World", visit: "Visit", prng: Prng) -> None:
    """Let cells of what is written in the dock be stuck from now on."""
    if visit.board.bad_blocks < WORN_MAX:
        visit.board.bad_blocks += 1
        _flash_fault(world, visit, FlashFault(prng.below(OPERATIONS_MAX // 3), WORN, prng.u32()))


def _flash_fault(world: "World", visit: "Visit", fault: FlashFault) -> None:
    flash = visit.board.flash
    flash.restart_count()
    flash.fault_at(fault)
    before = flash.injected

    def over() -> None:
        flash.fault_at()
        if flash.injected > before:
            world.strike(f"flash-{fault.kind}", visit.board.name, f"operation {fault.operation}")

    visit.at_end.append(over)


def edge_killed(world: "World", visit: "Visit", prng: Prng) -> None:
    """Let the agent die at a write statement of its store."""
    depot, starts = visit.depot, visit.depot.starts
    depot.kill_at(prng.below(STATEMENTS_MAX), prng.chance(1, 2))

    def over() -> None:
        if depot.starts > starts or depot.agent is None:
            world.strike("edge-killed", depot.name, "died at a statement")
        else:
            depot.kill_at(-1, False)

    visit.at_end.append(over)


def disk_full(world: "World", visit: "Visit", prng: Prng) -> None:
    """Leave the edge's database no room, for as long as the visit takes."""
    depot, refusals = visit.depot, visit.depot.refusals
    depot.fill_disk(prng.below(2))

    def over() -> None:
        if depot.refusals > refusals:
            world.strike("disk-full", depot.name, "its docks are closed")
        depot.fill_disk(-1)

    visit.at_end.append(over)


def _tampered(data: bytes, prng: Prng) -> bytes:
    """Change one byte inside a frame, if there is a whole one, and its CRC with it."""
    held, zero, rest = data.lstrip(b"\x00").partition(b"\x00")
    try:
        raw = bytearray(cobs.decode(held))
    except LayoutError:
        return data
    if not zero or len(raw) <= CRC_BYTES + 1:
        return data
    del raw[-CRC_BYTES:]
    raw[1 + prng.below(len(raw) - 1)] ^= 1 + prng.below(255)
    crc = (crc32(bytes(raw)) & 0xFFFFFFFF).to_bytes(CRC_BYTES, "little")
    return bytes(cobs.encode(bytes(raw) + crc)) + b"\x00" + rest


DOCK_FAULTS: dict[str, Callable[["World", "Visit", Prng], None]] = {
    "link-garbled": garbled,
    "link-cut": cut,
    "link-replayed": replayed,
    "link-changed": changed,
    "hostile-dock": hostile,
    "dock-power-cut": power_cut,
    "flash-lost": flash_lost,
    "flash-worn": flash_worn,
    "edge-killed": edge_killed,
    "disk-full": disk_full,
}
