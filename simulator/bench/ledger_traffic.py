"""Sealed batches of a whole city for the ledger's bench: valid to the last MAC, made fast.

Every slot opens under its block key, every card record is chained to the one before and priced by
the tariff, so the ledger has to do all of its work. Cards tap in random order; one tap in a hundred
is torn (an INTENT without its OUTCOME), one in fifty is refused. Made before the clock runs.
"""

import hashlib
import hmac
from collections.abc import Iterator
from random import Random
from zlib import crc32

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.cmac import CMAC

from backend_sync.keyring.local import LocalKeyring
from backend_sync.tariffs.model import Load
from card_layouts.cards.card_layout import KIND_DEBIT, G
from card_layouts.cards.issue import ISSUE, STATE_VERIFIED
from card_layouts.codec.timestamps import CLOCK_SIGNED
from card_layouts.crypto.kdf import block_key, device_key, device_label, next_block_key, seal_keys
from card_layouts.fares.engine import rate
from card_layouts.fares.inputs import (
    C_BALANCE,
    C_GROUP,
    C_ISSUER,
    C_PURSE_PRODUCT,
    D_AMOUNT,
    D_CHARGED,
    D_CONCESSION,
    D_FULL,
    D_REDUCTION,
    D_RULE,
    D_START_ZONE,
    D_ZONES,
    T_CLOCK,
    T_SECONDS,
    T_STOP,
    new_card,
    new_decision,
    new_tap,
)
from card_layouts.fares.mounted import Tariff
from card_layouts.records import entries
from card_layouts.records.chain import chain_start
from card_layouts.records.entries_tap import (
    CALL_NONE,
    HOW_ANSWER,
    INTENT,
    OUTCOME,
    OUTCOME_COMMITTED,
    REFUSAL,
    TRIP_NONE,
)
from card_layouts.records.slot import SLOT_MAGIC, SLOTS_PER_BLOCK
from simulator.worlds.small_tariffs import count_tariff, mounted

AUTHORITY, OPERATOR, VERSION = 244, 7, 1
DEVICES, CARDS = 200, 50_000
BATCH_ENTRIES, GROUP_BATCHES = 500, 10
FIRST_SECOND = 180_000_000
TAPS_A_DAY = 1_728_000  # 20 a second
DAY_SECONDS = 86_400
ZONES, GROUPS = 4, 3
# Where fields stand, counted from the end of a record's body and of an OUTCOME.
N_AT, TIME_AT, D_AT, START_AT = (288 - sum(G.find(f)) for f in ("n", "time", "D", "start_minute"))
OF_AT, OUTCOME_AT, HOW_AT = (768 - sum(OUTCOME.find(f)) for f in ("of", "outcome", "how"))
Batch = tuple[str, list[tuple[int, int, int, bytes, list[bytes]]]]


def flat_tariff() -> Tariff:
    """Return a small tariff with four zones and three rider groups."""
    return mounted(flat_package())


def flat_package() -> bytes:
    """Return the package of `flat_tariff`."""
    prices = [[200 + 100 * more + 20 * group for more in range(ZONES)] for group in range(GROUPS)]
    loads = [Load(channel, 100, 50_000, 100) for channel in ("counter", "web")]
    return count_tariff(prices, AUTHORITY, VERSION, load=loads)


class Traffic:
    """Cards and devices of a city; `groups` yields groups of batches, newest taps last."""

    def __init__(
        self,
        keyring: LocalKeyring,
        cards: int = CARDS,
        devices: int = DEVICES,
        taps_a_day: int = TAPS_A_DAY,
    ) -> None:
        self.random = Random(20)
        self.taps_a_day = taps_a_day
        self.tariff = flat_tariff()
        self.prices = self._templates()
        self.uids = [b"\4" + number.to_bytes(6, "big") for number in range(cards)]
        self.records = [b""] * cards
        self.devices = [Journal(keyring, number) for number in range(1, devices + 1)]
        self.taps = 0

    def issues(self) -> list[bytes]:
        """Return the ISSUE rows of all cards, each with its first record's h."""
        rows = []
        first = G.pack({"layout": 1, "device": 1, "kind": 1, "authority": AUTHORITY})[:36]
        for number, uid in enumerate(self.uids):
            h0 = self.devices[0].record_h(uid + b"\0", first)
            self.records[number] = first + h0
            rows.append(
                ISSUE.pack(
                    {
                        "uid": uid,
                        "layout": 1,
                        "state": STATE_VERIFIED,
                        "authority": AUTHORITY,
                        "serial": number,
                        "generation": 1,
                        "device": 1,
                        "h0": h0,
                    }
                )
            )
        return rows

    def groups(
        self, entries_wanted: int, batch: int = BATCH_ENTRIES, batches: int = GROUP_BATCHES
    ) -> Iterator[list[Batch]]:
        """Yield groups of batches, of that many entries each, until so many were made."""
        made, turn = 0, 0
        while made < entries_wanted:
            group = []
            for _ in range(batches):
                journal = self.devices[turn % len(self.devices)]
                turn += 1
                first, before = journal.seq + 1, journal.chain
                slots: list[bytes] = []
                while len(slots) < batch:
                    slots += self.tap(journal)
                group.append((f"edge-{turn % 7}", [(journal.device, 0, first, before, slots)]))
                made += len(slots)
            yield group

    def second(self) -> int:
        """Return when the newest tap was, seconds since 2020."""
        return FIRST_SECOND + self.taps * DAY_SECONDS // self.taps_a_day

    def tap(self, journal: "Journal", number: int | None = None) -> list[bytes]:
        """Return the slots of one tap, of card `number` or of any."""
        if number is None:
            number = self.random.randrange(len(self.uids))
        uid, before, dice = self.uids[number], self.records[number], self.random.random()
        self.taps += 1
        if dice < 0.02:
            return [
                journal.seal(
                    entries.REFUSAL, REFUSAL.pack({"uid": uid, "observed": before, "reason": 1})
                )
            ]
        second = self.second()
        amount, template = self.random.choice(self.prices)
        old = int.from_bytes(before[7:36], "big")
        n, paid = (old >> N_AT & 0xFFFFFF) + 1, (old >> D_AT & 0x3FFFFFF) + amount
        body = (
            template[0]
            | n << N_AT
            | second << TIME_AT
            | (paid & 0x3FFFFFF) << D_AT
            | (second // 60 & 0x7FF) << START_AT
        )
        intent = bytearray(template[1])
        intent[0:7], intent[7:36] = uid, body.to_bytes(29, "big")
        record = journal.prefix() + intent[7:36]
        h = journal.record_h(before[36:], bytes(record))
        intent[36:44] = h
        announced = journal.seal(entries.INTENT, bytes(intent))
        if dice < 0.03:
            return [announced]  # torn before the commit: the next tap finds the old record
        self.records[number] = bytes(record) + h
        return [announced, journal.seal(entries.OUTCOME, before + _outcome(journal.seq))]

    def _templates(self) -> list[tuple[int, tuple[int, bytes]]]:
        """Return (amount, (body as an integer, whole INTENT)) of every fare, times left at 0."""
        found = []
        for zone in range(1, ZONES + 1):
            for group in range(GROUPS):
                d = self._decide(zone, group)
                body = G.pack(
                    {
                        "kind": KIND_DEBIT,
                        "clock": 1,
                        "amount": d[D_AMOUNT],
                        "zone": zone,
                        "authority": AUTHORITY,
                        "start_zone": d[D_START_ZONE],
                        "zones": d[D_ZONES],
                        "charged": d[D_CHARGED],
                    }
                )[7:36]
                intent = INTENT.pack(
                    {
                        "group": group,
                        "full": d[D_FULL],
                        "reduction": d[D_REDUCTION],
                        "concession": d[D_CONCESSION],
                        "rule": d[D_RULE],
                        "tariff": VERSION,
                        "semantics": 1,
                        "product": 1,
                        "product_authority": AUTHORITY,
                        "operator": OPERATOR,
                        "terminal": 2,
                        "trip": TRIP_NONE,
                        "call": CALL_NONE,
                        "stop": zone - 1,
                    }
                )
                found.append((d[D_AMOUNT], (int.from_bytes(body, "big"), intent)))
        return found

    def _decide(self, zone: int, group: int) -> list[int]:
        """Return the decision of a new journey of `group` from a stop in `zone`."""
        card, tap, decision = new_card(), new_tap(), new_decision()
        card[C_ISSUER], card[C_PURSE_PRODUCT] = AUTHORITY, 1
        card[C_GROUP], card[C_BALANCE] = group, 10_000
        tap[T_STOP], tap[T_SECONDS], tap[T_CLOCK] = zone - 1, FIRST_SECOND, CLOCK_SIGNED
        rate(self.tariff, card, tap, decision)
        return decision


class Journal:
    """One device's sealing keys and chains."""

    def __init__(self, keyring: LocalKeyring, device: int) -> None:
        keyring.provision(device, 0, AUTHORITY, OPERATOR, "bench")
        k_dev = device_key(keyring.keys.root, device, 0)
        self.device, self.seq = device, 0
        self.k_chain = device_label(k_dev, b"chain")
        self.k_block = block_key(k_dev)
        self.chain = bytes(chain_start(device, 0))
        self._open_block()

    def prefix(self) -> bytes:
        """Return the first 7 bytes of the record that the next entry announces."""
        return (1 << 53 | self.device << 26 | self.seq + 1).to_bytes(7, "big")

    def record_h(self, h_before: bytes, first: bytes) -> bytes:
        return hmac.digest(self.k_chain, h_before + first, "sha256")[:8]

    def seal(self, kind: int, payload: bytes) -> bytes:
        """Return the next slot; the same bytes as `Sealer.seal` (a test compares)."""
        index = self.seq % SLOTS_PER_BLOCK
        if self.seq and not index:
            self.k_block = next_block_key(self.k_block)
            self._open_block()
        self.seq += 1
        header = (
            SLOT_MAGIC << 88
            | kind << 82
            | 1 << 79
            | self.device << 50
            | self.seq << 20
            | 96 << 13
            | index << 8
            | (self.seq - 1) // SLOTS_PER_BLOCK % 256
        ).to_bytes(12, "big")
        stream = self.stream.update(b"".join([header + counter for counter in COUNTERS]))
        mixed = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
        sealed = header + mixed.to_bytes(96, "big")
        mac = self.mac.copy()
        mac.update(sealed)
        sealed += mac.finalize()
        slot = sealed + crc32(sealed).to_bytes(4, "big")
        self.chain = hashlib.sha256(self.chain + slot).digest()
        return slot

    def _open_block(self) -> None:
        k_enc, k_mac = seal_keys(self.k_block)
        self.stream = Cipher(AES(bytes(k_enc)), ECB()).encryptor()
        self.mac = CMAC(AES(bytes(k_mac)))


def _outcome(of: int) -> bytes:
    """Return what follows the observed record in an OUTCOME: committed, by the card's answer."""
    said = of << OF_AT | OUTCOME_COMMITTED << OUTCOME_AT | HOW_ANSWER << HOW_AT
    return said.to_bytes(52, "big")


COUNTERS = [number.to_bytes(4, "big") for number in range(6)]
