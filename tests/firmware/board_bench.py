"""A validator's files as they lie on a bench: configuration, flash with packages, one issued card.

Made by the programs that make them in a depot: the keyring provisions, the issuing office makes
the card, the firmware's own SlotWriter installs the packages. Only the docking is left out.
"""

import hashlib
from pathlib import Path

from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import KEY_FILE, LocalKeyring
from card_layouts.packages.lease import RIGHT_BLOCK, RIGHT_DEBIT, seal_lease
from card_layouts.packages.manifest import LEASE, MANIFEST, TARIFF, seal_envelope
from firmware.package_slots import SlotWriter
from firmware.partitions import FLASH_BYTES, PACKAGES
from firmware.tools.board_command import HEAP_KIB, board_command
from firmware.tools.build_image import build_image
from firmware.tools.provision import write_board
from simulator.board_process import BoardProcess, micropython_path
from simulator.clock import WorldClock
from simulator.demo_taps import power_on
from simulator.flash import Flash
from simulator.issuing import IssuingOffice
from simulator.passengers import PLAIN, Rider
from simulator.prng import Prng
from simulator.world import World
from tests.firmware.tap_world import AUTHORITY, tariff

OPERATOR, DEVICE, OFFICE = 10, 11, 1
START = 203_000_000  # seconds since 2020: June 2026
SIGNATURE = (b"\x01\x02\x03\x04", bytes(64))  # checked when it is taken at the dock, not at boot


class Bench:
    """One validator with its world; `card` has been issued with `cents` on it."""

    def __init__(self, folder: Path, cents: int = 2000, trace: bool = False,
                 heap_kib: int = HEAP_KIB):
        self.folder = folder
        self.clock = WorldClock(START)
        self.config_path, self.flash_path = folder / "board.json", folder / "board.flash"
        self.image = build_image(folder / "tornello.romfs")
        (folder / "keyring").mkdir()
        write_keys(folder / "keyring" / KEY_FILE, make_keys([AUTHORITY], seed="bench"))
        keyring = LocalKeyring(folder / "keyring")
        config = keyring.provision(DEVICE, 0, AUTHORITY, OPERATOR, "depot", "validator")
        office = keyring.provision(OFFICE, 0, AUTHORITY, OPERATOR, "depot", "issuer")
        keyring.close()
        write_board(config, self.config_path, self.flash_path)
        self._install(config)
        desk = IssuingOffice(office, folder / "office.flash", self.clock, Prng(3))
        self.card = desk.issue(1, Rider(0, (0, 0), cents, PLAIN), folder / "card.json").card
        self.world = World(self.clock)
        self.board = BoardProcess(
            "V1", DEVICE, self.clock, Prng(4), self._command(trace, heap_kib), folder / "board.log"
        )
        self.world.boards.append(self.board)

    def _install(self, config):
        flash = Flash(FLASH_BYTES, self.flash_path)
        rights = RIGHT_DEBIT | RIGHT_BLOCK
        lease = {
            "device": DEVICE, "lease": 1, "not_before": START - 100, "not_after": START + 86400,
            "max_taps": 1000, "max_cents": 100_000, "rights": rights, "time": START,
        }  # fmt: skip
        install(flash, LEASE, seal_lease(lease, config["cfg"]), config["cfg"])
        install(flash, TARIFF, tariff().read(0, 100_000), config["cfg"])
        flash.close()

    def _command(self, trace, heap_kib):
        def command(board):
            return board_command(
                micropython_path(), self.image.path, self.config_path, board.reader.path,
                board.link.path, board.control_line.path, self.flash_path, trace, heap_kib,
            )  # fmt: skip

        return command

    def power_on(self):
        """Start the validator; return when it is ready and waits."""
        power_on(self.world, self.board)

    def tap(self, *tears):
        """Lay the card until it is answered, let the field be kept, take it; return the signals."""
        self.board.field.plan(*tears)
        first = len(self.board.signals)
        self.board.lay(self.card)
        self.world.settle()
        self.world.run_for(500)
        self.board.take(self.card)
        self.world.run_for(500)
        return self.board.signals[first:]

    def close(self):
        self.board.close()


def install(flash, role, body, k_cfg):
    """Put a package into its role's first slot, sealed for the device whose K_cfg this is."""
    first_block = next(row[1] for row in PACKAGES if row[0] == role)
    writer = SlotWriter(flash, first_block * 4096, len(body))
    writer.write(body)
    values = {
        "layout": 1, "role": role, "authority": AUTHORITY, "version": 7 if role == TARIFF else 1,
        "size": len(body), "made": START, "sha256": hashlib.sha256(body).digest(),
    }  # fmt: skip
    writer.switch(seal_envelope(MANIFEST.pack(values), [SIGNATURE], k_cfg), 1)
