"""A delivery of blank cards, a batch file, and the keys that the real keyring gives its issuer."""

import json

from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import LocalKeyring
from backend_sync.keyring.provision import as_text
from card_layouts.cards.card_number import card_number
from edge_agent.counter import cli
from edge_agent.counter.issue_batch import read_batch
from edge_agent.counter.issue_station import read_station
from simulator.desfire_card import DesfireCard
from simulator.desfire_card.meter import Transcript
from simulator.prng import Prng
from tests.edge_agent.table_reader import TableReader, desk_of

AUTHORITY, FIRST, CLUSTER, STATION = 244, 1000, 0x1234, 9


def blank(number):
    """Return a card as the factory delivers it."""
    card = DesfireCard.blank(b"\x04" + Prng(number).bytes(6), Prng(number + 100).bytes)
    card.meter = Transcript()
    return card


class Office:
    """A folder with batch file and keys; `personalise` runs the command on a table."""

    def __init__(self, folder, count, **changed):
        self.folder, self.count = folder, count
        self.batch_file, self.keys_file = folder / "batch.toml", folder / "station.json"
        self.keyring_folder = folder / "keyring"
        self.keyring_folder.mkdir(mode=0o700, parents=True)
        write_keys(self.keyring_folder / "keys.json", make_keys([AUTHORITY], aid=CLUSTER, seed="t"))
        keyring = LocalKeyring(self.keyring_folder)
        config = keyring.provision(STATION, authority=AUTHORITY, kind="issuer")
        keyring.close()
        self.keys_file.write_text(json.dumps(as_text(config)))
        self.keys_file.chmod(0o600)
        self.write_batch(**changed)

    def write_batch(self, **changed):
        """Write the batch file; every value of it may be changed, None leaves it out."""
        values = {
            "batch": 17,
            "first": card_number(AUTHORITY, FIRST),
            "last": card_number(AUTHORITY, FIRST + self.count - 1),
            "kind": "personal",
            "limit_cents": 30000,
            "deposit_cents": 500,
            "purse_product": 1,
            "purse_zones": [1, 2],
        }
        values.update(changed)
        lines = [f"{k} = {json.dumps(v)}" for k, v in values.items() if v is not None]
        self.batch_file.write_text("\n".join(lines) + "\n")

    def batch(self):
        return read_batch(self.batch_file)

    def station(self):
        return read_station(self.keys_file)

    def personalise(self, hands, *more):
        """Run `card personalise`; `hands(field)` move cards. Return the exit code."""
        reader = TableReader()
        reader.hands = lambda: hands(reader.field)
        arguments = ["personalise", "--batch", str(self.batch_file), "--keys", str(self.keys_file)]
        return cli.main([*arguments, *more], desk_of(reader))

    @property
    def register(self):
        return self.batch_file.with_suffix(".register")

    @property
    def issues(self):
        return self.batch_file.with_suffix(".issues")


def one_by_one(cards):
    """Return hands that lay the next card down when the table is empty."""
    waiting = iter(cards)

    def hands(field):
        if not field.cards:
            card = next(waiting, None)
            if card is not None:
                field.place(card)

    return hands
