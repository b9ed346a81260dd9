"""The keyring in process: the five calls on the key file and the register.

The server serves this object; tests and small installations use it directly. Source: D11.
"""

import fcntl
import hmac
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from backend_sync.keyring.assembly import Assembly
from backend_sync.keyring.block_keys import BlockKeys
from backend_sync.keyring.keyfile import KeyFileError, Keys, read_keys
from backend_sync.keyring.provision import device_config
from backend_sync.keyring.register import Card, Device, Register
from backend_sync.keyring.signing import Signing
from backend_sync.keyring.unseal import Unsealer
from backend_sync.ports import KeyringRefused, Opened, Question, Run
from card_layouts.cards.issue import ISSUE
from card_layouts.errors import LayoutError
from card_layouts.records.chain import record_h

KEY_FILE = "keys.json"
REGISTER_FILE = "keyring.db"
LOCK_FILE = "keyring.lock"
UID_BYTES = 7
ISSUE_BYTES = 64


class LocalKeyring:
    """The keyring of a folder that holds `keys.json` and `keyring.db`."""

    def __init__(
        self, folder: Path | str, random_bytes: Callable[[int], bytes] = os.urandom
    ) -> None:
        folder = Path(folder)
        self.keys: Keys = read_keys(folder / KEY_FILE)
        self.lock = _lock(folder / LOCK_FILE)
        self.register = Register(folder / REGISTER_FILE)
        self.signing = Signing(self.keys)
        self.assembly = Assembly(
            self.register, self.signing, self.keys.masters, self.keys.aid, random_bytes
        )
        self.block_keys = BlockKeys(self.keys.root, self.keys.at_rest)
        self.block_keys.restore(self.register.checkpoints())
        self.issued: dict[bytes, bytes] = dict(self.register.uids())
        self.first_seqs = {(d.device, d.epoch): d.first_seq for d in self.register.devices()}
        self.unsealer = Unsealer(
            self.block_keys,
            self._find_card,
            lambda device, epoch: self.first_seqs.get((device, epoch)),
        )

    def close(self) -> None:
        self._save_checkpoints()
        self.register.close()
        os.close(self.lock)

    # The five calls

    def unseal(self, runs: Sequence[Run]) -> list[Opened]:
        opened = self.unsealer.unseal(runs)
        self._save_checkpoints()
        return opened

    def pseudonyms(self, cards: Sequence[bytes]) -> list[bytes]:
        rows = [self._issued_card(card) for card in cards if len(card) == ISSUE_BYTES]
        if rows:
            self.register.add_cards(rows)
            self.issued.update((row.uid, row.pseudonym) for row in rows)
        return [self._pseudonym_of(card) for card in cards]

    def recompute(self, questions: Sequence[Question]) -> list[list[bytes]]:
        return [self._recompute(*question) for question in questions]

    def assemble(self, kind: str, request: Mapping[str, Any]) -> Any:
        if kind == "openings":
            return [self.unsealer.seal_keys_of(slot) for slot in request.get("slots", ())]
        return self.assembly.make(kind, request)

    def sign(self, kind: str, items: Sequence[Any]) -> list[bytes]:
        if kind == "ack":
            incarnation = self.register.incarnation()
            return [self.signing.ack_batch([self._ack(item, incarnation) for item in items])]
        if kind == "manifest":
            return [self._envelope(device, values) for device, values in items]
        if kind == "settlement":
            return [self._settlement(body) for body in items]
        raise KeyringRefused(f"sign: kind {kind!r}, wanted ack, manifest or settlement")

    # What only the keyring's operator does

    def refuse(self, device: int, epoch: int) -> None:
        """Sign nothing more for a device; what it holds opens no list made from now on."""
        self.register.refuse_device(device, epoch)
        self.assembly.action_keys.fresh()

    def restored(self) -> int:
        """Take note that the ledger was put back to an older copy; return the new incarnation.

        Devices send again what it lost (D16); what lists it had made opens with no key to come.
        """
        return self.register.raise_incarnation(self.assembly.action_keys.another())

    def provision(
        self,
        device: int,
        epoch: int = 0,
        authority: int = 0,
        operator: int = 0,
        edge: str = "",
        kind: str = "validator",
        generation: int = 0,
        first_seq: int = 1,
    ) -> dict[str, Any]:
        """Enter a device and return what its configuration may hold; keys as bytes.

        `generation` 0 is the newest of the key file. The same call again returns the same.
        Raises: KeyringRefused naming what does not fit.
        """
        generation = generation or max(self.keys.masters)
        config = device_config(self.keys, device, epoch, kind, generation, first_seq)
        self.register.add_device(
            Device(device, epoch, authority, operator, edge, kind, generation, first_seq)
        )
        self.first_seqs[device, epoch] = first_seq
        config.update(
            authority=authority,
            operator=operator,
            edge=edge,
            publics=dict(self.signing.publics()),
            signers=self.signing.signers(),
        )
        return config

    def _find_card(self, uid: bytes) -> tuple[bytes, bool]:
        found = self.issued.get(uid)
        if found is not None:
            return found, True
        return self._pseudonym(uid), False

    def _pseudonym(self, uid: bytes) -> bytes:
        return hmac.digest(self.keys.pseudonym_ledger, uid, "sha256")[:16]

    def _pseudonym_of(self, card: bytes) -> bytes:
        if len(card) not in (UID_BYTES, ISSUE_BYTES):
            raise KeyringRefused(f"card of {len(card)} bytes, wanted a UID (7) or ISSUE row (64)")
        return self._find_card(card[:UID_BYTES])[0]

    def _issued_card(self, row: bytes) -> Card:
        try:
            values = ISSUE.unpack(row)
        except LayoutError as error:
            raise KeyringRefused(str(error)) from None
        uid = row[:UID_BYTES]
        return Card(
            self._pseudonym(uid),
            uid,
            values["authority"],
            values["serial"],
            values["generation"],
            row,
        )

    def _recompute(
        self, card: bytes, h_prev: bytes, records: Sequence[tuple[int, int, bytes]]
    ) -> list[bytes]:
        """Return h after each record; b"" from the first that cannot be computed (rule P3)."""
        if not h_prev:
            found = self.register.card(card)
            # h before the first record is UID | 00 (decision D5).
            h_prev = found.uid + b"\0" if found is not None else b""
        answers = []
        for device, epoch, first36 in records:
            if h_prev and (device, epoch) in self.first_seqs:
                h_prev = bytes(
                    record_h(self.signing.label(device, epoch, b"chain"), h_prev, first36)
                )
            else:
                h_prev = b""
            answers.append(h_prev)
        return answers

    def _ack(self, values: Mapping[str, Any], incarnation: int) -> dict[str, Any]:
        """Return the values to sign; entries of a refused device are still acknowledged (6.6)."""
        device, epoch = values["device"], values["epoch"]
        if (device, epoch) not in self.first_seqs:
            raise KeyringRefused(f"acknowledgement: device {device} epoch {epoch} is unknown")
        return {"incarnation": incarnation, **values}

    def _envelope(self, device: int, values: Mapping[str, Any]) -> bytes:
        newest = self.register.newest(device)
        if newest is None:
            raise KeyringRefused(f"manifest: device {device} was never provisioned")
        identity = self.assembly.active(newest.device, newest.epoch)
        return self.signing.envelope(identity.device, identity.epoch, values)

    def _settlement(self, body: bytes) -> bytes:
        self.assembly.batches.check(body)
        return self.signing.settlement(body)

    def _save_checkpoints(self) -> None:
        rows = self.block_keys.unsaved()
        if rows:
            self.register.save_checkpoints(rows)


def _lock(path: Path) -> int:
    """Return the open lock file: one process and one connection per database (decision D20)."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise KeyFileError(
            f"{path.parent}: another process uses this keyring; stop it first"
        ) from None
    return handle
