"""A run of accepted taps in process: what each exchanged, what the flash did, and a recording."""

from collections.abc import Callable
from dataclasses import dataclass, field

from card_layouts.answers import ACCEPTED, name_of
from card_layouts.records.slot import BLOCK_BYTES, HEADER_PAGE, SLOT_BYTES
from simulator.bench.board import BLOCKS, DEVICE, EPOCH, BenchBoard
from simulator.bench.cards import FARE_CENTS, flat_tariff, long_hotlist, make_cards
from simulator.demo.issuing import LIMIT_CENTS
from simulator.desfire_card.meter import Totals
from simulator.field import Field
from simulator.flash import Flash
from simulator.reader import DirectReader

PLANTS = ("double-program",)


class DoubleProgramming(Flash):
    """A planted fault: a driver that programs every slot in two halves."""

    def program(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        half = len(data) // 2
        super().program(offset, data[:half])
        super().program(offset + half, data[half:])


@dataclass
class TapRun:
    """Sums over `taps` accepted taps; `recording` is what bench_replay.py reads."""

    taps: int
    card: Totals = field(default_factory=Totals)
    slot_programs: int = 0
    header_programs: int = 0
    flash_bytes: int = 0
    erases: int = 0
    recording: bytes = b""


def run_taps(taps: int, plant: str | None = None, warm_up: int = 0) -> TapRun:
    """Tap `taps` times with cards that can pay; the ledger acknowledges as the ring needs it.

    The first `warm_up` taps come before and are not counted.
    """
    run = TapRun(taps)
    tariff, hotlist = flat_tariff(), long_hotlist()
    kind = DoubleProgramming if plant == "double-program" else Flash
    counting = TapRun(taps)  # takes what provisioning does, then thrown away
    flash = kind(BLOCKS * BLOCK_BYTES, observe=lambda *what: _count(counting, *what))
    board = BenchBoard(flash, tariff, hotlist)
    cards = make_cards(1 + (warm_up + taps) * FARE_CENTS // LIMIT_CENTS)
    blobs = [tariff, hotlist]
    for number in range(warm_up + taps):
        counting = counting if number < warm_up else run
        card = cards[number % len(cards)]
        card.meter = counting.card
        placed = Field()
        placed.place(card)
        reader = DirectReader(placed)
        uid = reader.poll()
        assert uid
        blobs.append(uid)
        answer = board.present(uid, _recorded(reader, blobs))
        blobs.append(b"")
        reader.release()
        if answer != ACCEPTED:
            raise RuntimeError(f"bench tap {number} was answered {name_of(answer)}")
        if number % 100 == 99:
            _acknowledge(board)
        board.journal.idle()
    run.recording = b"".join(len(blob).to_bytes(3, "big") + blob for blob in blobs)
    return run


def _recorded(reader: DirectReader, blobs: list[bytes]) -> Callable[[bytearray, int], int]:
    def exchange(frame: bytearray, length: int) -> int:
        blobs.append(bytes(frame[:length]))
        answered = reader.exchange(frame, length)
        blobs.append(bytes(frame[:answered]))
        return answered

    return exchange


def _acknowledge(board: BenchBoard) -> None:
    journal = board.journal
    journal.acknowledge(
        {
            "device": DEVICE,
            "epoch": EPOCH,
            "seq": journal.head_seq,
            "H": journal.H,
            "incarnation": 1,
            "time": board.clock.now,
        }
    )


def _count(run: TapRun, name: str, offset: int, length: int) -> None:
    if name == "erase":
        run.erases += 1
        return
    run.flash_bytes += length
    if offset % BLOCK_BYTES < HEADER_PAGE:
        run.header_programs += 1
    else:
        run.slot_programs += 1
    assert length <= SLOT_BYTES or offset % BLOCK_BYTES < HEADER_PAGE
