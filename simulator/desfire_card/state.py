"""One powered card: EEPROM, session, selection, and the write step every change goes through."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.desfire_card.channel import Channel, OpenChannel
from simulator.desfire_card.image import PICC_AID, Application, File, Image, Staged, Transaction
from simulator.desfire_card.meter import ExchangeCount
from simulator.desfire_card.power import Power
from simulator.desfire_card.status import FILE_NOT_FOUND, PERMISSION_DENIED, Refused
from simulator.desfire_card.storage import Storage

if TYPE_CHECKING:
    from simulator.desfire_card.commands_iso_auth import IsoAuthentication


class CardState:
    """What command handlers work on; `power` is replaced for an exchange that is to be cut."""

    def __init__(
        self, image: Image, storage: Storage, random_bytes: Callable[[int], bytes], power: Power
    ) -> None:
        self.image = image
        self.storage = storage
        self.random_bytes = random_bytes
        self.power = power
        self.count = ExchangeCount()
        self.channel: Channel = OpenChannel()
        self.selected = PICC_AID
        self.selected_file: int | None = None  # by an ISO SELECT
        self.iso_authentication: IsoAuthentication | None = None

    def step(self, name: str, change: Callable[[], object] | None = None) -> None:
        """Do one internal EEPROM write, or lose power before it."""
        self.power.write_step(self.count.write_steps)
        self.count.write_steps += 1
        self.count.step_names.append(name)
        if change is not None:
            change()
        self.storage.save(self.image)

    def select(self, aid: bytes) -> None:
        """Make `aid` current; the session and everything pending are gone."""
        self.selected = aid
        self.selected_file = None
        self.channel = OpenChannel()
        self.image.transaction = None

    @property
    def application(self) -> Application:
        """The selected application. Raises: Refused(PERMISSION_DENIED) at card level. [?]"""
        if self.selected == PICC_AID:
            raise Refused(PERMISSION_DENIED)
        return self.image.applications[self.selected]

    @property
    def settings(self) -> int:
        """The settings byte of the selected application, or of the card."""
        if self.selected == PICC_AID:
            return self.image.picc_settings
        return self.application.settings

    def file(self, number: int) -> File:
        """Return the committed file. Raises: Refused(FILE_NOT_FOUND)."""
        files = self.application.files
        if number not in files:
            raise Refused(FILE_NOT_FOUND)
        return files[number]

    def staged(self, number: int) -> Staged:
        """Return the file as the running transaction sees it."""
        waiting = self.image.transaction
        if waiting is not None and number in waiting.staged:
            return waiting.staged[number]
        return Staged(self.file(number))

    def stage(self, number: int, staged: Staged) -> None:
        """Put a change into the running transaction, opening one if there is none."""
        if self.image.transaction is None:
            self.image.transaction = Transaction(self.selected)
        self.image.transaction.staged[number] = staged

    def replace_file(self, number: int, file: File) -> None:
        """Put a file in place at once."""
        self.application.files[number] = file

    def take_count(self) -> ExchangeCount:
        """Return the counts of the exchange that ends, and start again from zero."""
        taken = replace(self.count)
        running = self.count  # ciphers hold this very object
        running.command = running.bytes_in = running.bytes_out = 0
        running.write_steps = running.cipher_blocks = 0
        running.step_names = []
        return taken
