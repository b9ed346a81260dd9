"""Runs of `./tornello demo` for tests: started as a person would, read back as JSON."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("simulator.demo.main", "edge_agent", "backend_sync")
LIMIT_S = 900  # a demo in which nothing moves for 150 s ends by itself


def start(*arguments, **environment):
    """Start a demo without a window; returns the process."""
    return subprocess.Popen(
        [sys.executable, "-m", "simulator.demo.main", "--headless", "--json", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process):
    """Return (exit code, result or None, what it said on standard error)."""
    try:
        out, err = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        process.terminate()  # it ends what it started
        _, err = process.communicate()
        raise AssertionError(f"the demo did not end in {LIMIT_S} s: {err[-1500:]}") from None
    return process.returncode, json.loads(out) if out.strip() else None, err


def play(*arguments, **environment):
    return finish(start(*arguments, **environment))


def result_of(*arguments, **environment):
    """Return the result of a demo that came to its end."""
    _, result, err = play(*arguments, **environment)
    assert result is not None, err
    return result


def assert_reconciled(result, taps):
    assert result["cards_cents"] == result["ledger_cards_cents"] > 0
    assert (result["open_intents"], result["lost"], result["doubled"]) == (0, 0, 0)
    assert result["taps"] == taps
    assert result["rerated"]["differences"] == 0
    # Every ride, with what else was on the card: the choice is repeated, not only the price.
    assert result["rerated"]["same"] == result["rerated"]["rateable"] > 0
    assert result["price_only_because"] == {} and result["differences"] == []
    assert result["trial_balance_cents"] == 0
    settled = result["settlement"]
    assert settled["lines_cents"] == settled["batch_cents"] == settled["revenue_cents"] > 0
    assert settled["unassigned_cents"] == 0


def command(*arguments):
    """Run another tornello command's module; return the finished process."""
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def kill_one(folder, name, process):
    """Kill program `name` of a running demo as soon as taps are under way; tell if it was there."""
    waited = time.monotonic()
    while process.poll() is None and time.monotonic() - waited < LIMIT_S:
        try:
            pids = json.loads((folder / "pids.json").read_text())
            progress = json.loads((folder / "demo.json").read_text())
            if pids.get(name) and progress_step(progress) > 5:
                os.kill(pids[name], signal.SIGKILL)
                return True
        except (OSError, ValueError):
            pass
        time.sleep(0.05)
    return False


def hold_now_and_then(folder, process, prng, held_s=0.2):
    """Until the demo ends, let one of its programs after the other stand still for a moment.

    Not the ledger: the demo itself holds it, and letting it go here would undo that.
    """
    while process.poll() is None:
        with suppress(OSError, ValueError):  # not written yet, or it has ended
            pids = json.loads((folder / "pids.json").read_text())
            pid = pids[prng.choice(sorted(pids.keys() - {"ledger"}))]
            os.kill(pid, signal.SIGSTOP)
            with suppress(subprocess.TimeoutExpired):
                process.wait(held_s)
            os.kill(pid, signal.SIGCONT)


def progress_step(progress):
    return progress.get("progress", progress).get("step", 0)
