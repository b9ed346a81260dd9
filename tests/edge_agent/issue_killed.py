"""A counter that is killed with SIGKILL before exchange N of its second card: `FOLDER N`.

The cards' EEPROMs are files, so that they outlive the process as plastic does. N = -1: not killed.
"""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, os.getcwd())

from simulator.desfire_card import DesfireCard, FileStorage
from simulator.prng import Prng
from tests.edge_agent.issue_world import Office, one_by_one


def kept(path, number):
    storage = FileStorage(path)
    if path.exists():
        return DesfireCard(storage.load(), Prng(number).bytes, storage)
    return DesfireCard.blank(b"\x04" + Prng(number).bytes(6), Prng(number).bytes, storage)


def main(folder, exchange):
    office = object.__new__(Office)
    office.batch_file, office.keys_file = folder / "batch.toml", folder / "station.json"
    cards = [kept(folder / f"card-{number}", number) for number in (1, 2)]
    second, whole = cards[1], cards[1].exchange
    left = [exchange]

    def killed_in_time(command, cut=None):
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return whole(command, cut)

    second.exchange = killed_in_time
    return office.personalise(one_by_one(cards))


sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
