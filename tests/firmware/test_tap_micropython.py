"""The same taps under MicroPython: same bytes, and nothing allocates in the commit window (D4)."""

import hashlib
import json
import pathlib
import subprocess
import sys

import pytest

from card_layouts.answers import (
    ACCEPTED,
    ACCEPTED_SETTLED,
    ALREADY_SHOWN,
    HOLD_AGAIN,
)
from card_layouts.cards.conversation import CardLost, converse
from card_layouts.packages.hotlist_layout import HOT_BLOCK
from card_layouts.records.entries_tap import REASON_LISTED
from simulator.field import Field, answer_lost, commit_lost
from simulator.reader import DirectReader
from simulator.worlds.tap_world import (
    EPOCH,
    ROOT_KEY,
    UID,
    Device,
    NoHotlist,
    Random,
    new_card,
    tariff_body,
)
from tests.firmware.tap_replay import replay

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Recorder(Random):
    """Entropy that remembers what it gave."""

    def __init__(self, seed):
        super().__init__(seed)
        self.given = []

    def random_bytes(self, n):
        self.given.append(super().random_bytes(n))
        return self.given[-1]


def record(device, card, seconds, *tears):
    """Make one tap; return what the world said in it."""
    frames = []
    field = Field()
    field.place(card)
    field.plan(*tears)
    reader = DirectReader(field)
    device.watch.seconds += seconds

    def exchange(frame, length):
        sent = bytes(frame[:length])
        try:
            got = reader.exchange(frame, length)
        except CardLost:
            frames.append((sent.hex(), None))
            raise
        frames.append((sent.hex(), bytes(frame[:got]).hex()))
        return got

    reader.poll()
    answer = converse(device.tap.run(card.uid), device.tap.frame, exchange)
    reader.release()
    step = {"seconds": device.watch.seconds, "uid": card.uid.hex(), "frames": frames}
    step["listed"] = list(device.tap.hotlist.lookup(card.uid))
    return answer, step


def recording_of(device, entropy, steps):
    keys = [(1, device.keys.card_key(1, 1, UID).hex())]
    body = tariff_body()
    return {
        "random": [r.hex() for r in entropy.given],
        "keys": keys,
        "chain": device.keys.chain.hex(),
        "root": ROOT_KEY.hex(),
        "epoch": EPOCH,
        "flash_bytes": device.flash.size,
        "profile": device.profile,
        "tariff": body.hex(),
        "lease": device.tap.lease.values,
        "taps": steps,
    }


@pytest.fixture(scope="module")
def recorded():
    """Debits, a grace, commits lost both ways, a settled tap, a block: recorded on CPython."""
    entropy = Recorder(8)
    hotlist = NoHotlist()
    device, card = Device(entropy=entropy, hotlist=hotlist), new_card()
    plan = [
        (0, (), ACCEPTED),
        (2, (), ALREADY_SHOWN),
        (700, (commit_lost(),), HOLD_AGAIN),
        (5, (), ACCEPTED),
        (3700, (answer_lost(),), HOLD_AGAIN),
        (5, (), ACCEPTED_SETTLED),
        (600, (), ACCEPTED),
        (10, (), ALREADY_SHOWN),
    ]
    answers, steps = [], []
    for seconds, tears, wanted in plan:
        answer, step = record(device, card, seconds, *tears)
        assert answer == wanted
        answers.append(answer)
        steps.append(step)
    hotlist.rows[UID] = (HOT_BLOCK, 4)
    answer, step = record(device, card, 60)
    assert answer == REASON_LISTED
    answers.append(answer)
    steps.append(step)
    digest = hashlib.sha256(bytes(device.flash.image)).hexdigest()
    return recording_of(device, entropy, steps), answers, digest


def test_a_recorded_tap_replays_to_the_same_journal_on_cpython(recorded):
    recording, answers, digest = recorded
    assert replay(recording) == (answers, digest, 6)


@pytest.mark.requirement("D4", "D15")
def test_micropython_writes_the_same_journal_and_allocates_nothing_in_the_window(
    recorded, tmp_path
):
    recording, answers, digest = recorded
    path = tmp_path / "taps.json"
    path.write_text(json.dumps(recording))
    micropython = pathlib.Path(sys.executable).parent / "micropython"
    done = subprocess.run(
        [str(micropython), "tests/firmware/tap_replay.py", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout) == [answers, digest, 6]
