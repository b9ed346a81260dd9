"""The issuing station: its key file, and from it what is to be written on one card.

The file is what `tornello keyring provision FOLDER DEVICE --kind issuer` prints: pilot only, it
holds every master key of the scheme. Source: decisions.md D5, D10; SECURITY.md.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from card_layouts.cards.card_layout import aid_bytes
from card_layouts.cards.issue import STATE_BLANK, STATE_VERIFIED
from card_layouts.cards.personalise import FACTORY_KEY, Recipe
from card_layouts.cards.transit_record import issue_record
from card_layouts.crypto.an10922 import card_key
from card_layouts.records.chain import RECORD_FIRST_BYTES
from edge_agent.counter.desk import CounterError
from edge_agent.counter.issue_batch import IssueBatch
from edge_agent.counter.key_files import read_key_file

KEY_VERSION = 1
ROW_LAYOUT = 1
APPLICATION_KEYS = ("K0", "K1", "K2", "K3", "K4")
PICC, PICC_NUMBER = "PICC", 0x80
PROVISION = "`tornello keyring provision FOLDER DEVICE --kind issuer`"


@dataclass(frozen=True)
class IssueStation:
    """One station and the masters of one generation, which never leave this object."""

    device: int
    epoch: int
    authority: int
    cluster: int
    generation: int
    chain: bytes = field(repr=False)
    masters: dict[str, bytes] = field(repr=False)

    @property
    def aid(self) -> bytes:
        return bytes(aid_bytes(self.cluster, self.generation))

    def recipe(self, batch: IssueBatch, uid: bytes, serial: int, time_s: int) -> Any:
        """Return the Recipe of one card: the same for the same arguments, whenever it is asked."""
        record = issue_record(uid, self.device, self.epoch, batch.authority, time_s, self.chain)
        return Recipe(
            self.aid,
            [self._key(name, number, uid) for number, name in enumerate(APPLICATION_KEYS)],
            self._key(PICC, PICC_NUMBER, uid),
            KEY_VERSION,
            batch.limit_cents,
            batch.head_of(serial, time_s),
            record,
            FACTORY_KEY,
        )

    def first_row(
        self, batch: IssueBatch, uid: bytes, serial: int, time_s: int, clerk: int = 0
    ) -> dict[str, Any]:
        """Return the fields of the card's ISSUE row before anything is written on it."""
        return {
            "uid": uid,
            "layout": ROW_LAYOUT,
            "state": STATE_BLANK,
            "authority": batch.authority,
            "serial": serial,
            "generation": self.generation,
            "key_version": KEY_VERSION,
            "step": 0,
            "error": 0,
            "batch": batch.number,
            "device": self.device,
            "time": time_s,
            "limit": batch.limit_cents,
            "deposit": batch.deposit_cents // 10,
            "aid": self.cluster,
            "version": bytes(14),
            "made": bytes(7),
            "clerk": clerk,
            "h0": self.recipe(batch, uid, serial, time_s).record[RECORD_FIRST_BYTES:],
        }

    def _key(self, name: str, number: int, uid: bytes) -> bytes:
        return bytes(card_key(self.masters[name], uid, self.aid, number, self.generation))


def made_values(version: bytes, step: int) -> dict[str, Any]:
    """Return what changes in the row once the card is made; `version`: GetVersion, 28 bytes."""
    return {
        "state": STATE_VERIFIED,
        "step": step,
        "error": 0,
        "version": bytes(version[:14]),
        "made": bytes(version[21:28]),
    }


def read_station(path: Path) -> IssueStation:
    """Read the station's key file. Raises: CounterError; no key is ever in its words."""
    text = read_key_file(path, f"make it with {PROVISION}")
    try:
        found = json.loads(text)
        generation = found["generation"]
        masters = {
            name: bytes.fromhex(found["card_keys"][str(generation)][name])
            for name in (*APPLICATION_KEYS, PICC)
        }
        chain = bytes.fromhex(found["chain"])
        if {len(chain), *map(len, masters.values())} != {16}:
            raise ValueError
        return IssueStation(
            device=_bounded(found["device"], 20),
            epoch=_bounded(found["epoch"], 6),
            authority=_bounded(found["authority"], 8),
            cluster=_bounded(found["aid"], 16),
            generation=_bounded(generation, 8),
            chain=chain,
            masters=masters,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CounterError(f"{path}: not the keys of an issuing station; {PROVISION}") from None


def _bounded(found: Any, bits: int) -> int:
    """Return a number as a card's or entry's field holds it. Raises: ValueError."""
    if type(found) is not int or not 0 <= found < 1 << bits:
        raise ValueError(f"found {found!r}, wanted a number of {bits} bits")
    return found
