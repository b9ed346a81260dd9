"""Cards and packages for counting taps: made by the issuing office, loaded to the limit."""

import tempfile
from pathlib import Path

from card_layouts.crypto.kdf import block_key, device_key
from card_layouts.packages.hotlist_builder import build_base
from card_layouts.packages.hotlist_layout import HOT_BLOCK
from firmware.journal_provision import provision
from firmware.partitions import FLASH_BYTES, JOURNAL_BLOCKS, JOURNAL_FIRST
from simulator.bench.board import AUTHORITY, CLUSTER, EPOCH, GENERATION, K_ROOT, NOW, master
from simulator.clock import WorldClock
from simulator.demo.issuing import LIMIT_CENTS, IssuingOffice
from simulator.demo.passengers import Rider
from simulator.desfire_card import DesfireCard
from simulator.flash import Flash
from simulator.prng import Prng
from simulator.worlds.small_tariffs import count_tariff

OFFICE = 9
FARE_CENTS = 250
LISTED_CARDS = 10_000


def make_cards(count: int) -> list[DesfireCard]:
    """Return cards with the highest purse there is; the office itself is not counted."""
    k_dev = device_key(K_ROOT, OFFICE, EPOCH)
    config = {
        "device": OFFICE,
        "epoch": EPOCH,
        "authority": AUTHORITY,
        "operator": 12,
        "aid": CLUSTER,
        "generation": GENERATION,
        "first_seq": 1,
        "K_block": block_key(k_dev),
        "card_keys": {
            GENERATION: {name: master(name) for name in ("K0", "K1", "K2", "K3", "K4", "PICC")}
        },
        **{name: master(name) for name in ("chain", "ack", "cfg", "dock")},
    }
    with tempfile.TemporaryDirectory() as folder:
        flash = Flash(FLASH_BYTES, Path(folder) / "flash")
        provision(flash, JOURNAL_FIRST, JOURNAL_BLOCKS, OFFICE, EPOCH, block_key(k_dev))
        flash.close()
        clock = WorldClock(NOW - 3600)
        office = IssuingOffice(config, Path(folder) / "flash", clock, Prng(1))
        rider = Rider(0, (1, 1), LIMIT_CENTS, "plain")
        issued = [
            office.issue(number, rider, Path(folder) / f"{number}").card
            for number in range(1, count + 1)
        ]
    # The same cards in memory only: a file write at every step would drown what is measured.
    return [DesfireCard(card.image.clone(), Prng(2).bytes) for card in issued]


def flat_tariff() -> bytes:
    """Return a tariff body: one zone, one price, an hour's transfer that never applies here."""
    return count_tariff([[FARE_CENTS]], AUTHORITY, transfer_minutes=0, utc_offset=0)


def long_hotlist() -> bytes:
    """Return a hotlist body of LISTED_CARDS strangers."""
    prng = Prng(7)
    return build_base(
        1, [(b"\x05" + prng.bytes(6), HOT_BLOCK, 1) for _ in range(LISTED_CARDS)], AUTHORITY
    )
