"""Read everything that a card on a reader gives: what needs no key, and what the given keys open.

Nothing is written, nothing guessed: a file that was refused says so. A card that does not list its
applications or files is asked for the ids it may have: those of `--aid`, of the keys, and our own
files by SPEC.md section 2.
"""

import argparse
import sys
from collections.abc import Callable, Generator
from typing import Any

from card_layouts.cards.card_layout import G_BYTES, G_RECORDS
from card_layouts.cards.conversation import FRAME_BYTES, CardLost, CardStatusError, converse
from card_layouts.cards.desfire import GET_VALUE, PLAIN
from card_layouts.cards.desfire_issuer import IssuerSession
from card_layouts.cards.transit_app import BACKUP, FILES, VALUE
from card_layouts.errors import LayoutError, SealError
from edge_agent.counter.card_contents import (
    RECORD_KINDS,
    Card,
    CardApplication,
    CardFile,
    DesfireCard,
)
from edge_agent.counter.card_contents import VALUE as VALUE_KIND
from edge_agent.counter.card_image import is_ours
from edge_agent.counter.card_keys import KeyRing, aids_asked, read_keys
from edge_agent.counter.card_survey_pages import survey_pages
from edge_agent.counter.desk import CounterError, Desk
from edge_agent.counter.explain_words import FREE, KNOWN_AIDS
from edge_agent.counter.import_file_settings import file_of, settings_of
from edge_agent.ports import DESFIRE, ULTRALIGHT, CardReader, ManyCards

WAIT_MS = 30_000
GET_KEY_SETTINGS, GET_FREE_MEMORY, GET_FILE_SETTINGS = 0x45, 0x6E, 0xF5
KIND_OF_BITS = {0x00: "2K3DES", 0x40: "3K3DES", 0x80: "AES"}
PICC = bytes(3)
PART_BYTES = 512  # of a data file at a time: a terminal refuses answers without end
BOUNDARY = 0xBE
Steps = Generator[int, int, Any]


def survey(options: argparse.Namespace, desk: Desk) -> Card:
    """Return the card on the reader named by the options. Raises: CounterError, ReaderError."""
    keys, asked = read_keys(options), aids_asked(options)
    reader = desk.open_reader(options.reader)
    try:
        found = reader.wait(0)
        if found is None:
            print(f"{reader.name}: lay a card on it ...", file=sys.stderr)
            found = reader.wait(WAIT_MS)
        if found is None:
            raise CounterError(
                f"{reader.name}: no card within {WAIT_MS // 1000} s; lay one on the reader"
            )
        if found.kind == DESFIRE:
            reading = _Survey(reader, keys, asked, desk.entropy.random_bytes)
            return reading.card(found.uid, found.ats)
        if found.kind == ULTRALIGHT:
            return survey_pages(reader, found.uid, keys, desk.entropy.random_bytes)
        raise CounterError(f"{reader.name}: found a card that is neither DESFire nor Ultralight")
    except ManyCards:
        raise CounterError(f"{reader.name}: more than one card; leave one there") from None
    except CardLost:
        raise CounterError(f"{reader.name}: the card went away; hold it still, try again") from None
    except (CardStatusError, LayoutError, SealError) as error:
        raise CounterError(f"{reader.name}: {error}; the card answers out of order") from None
    finally:
        reader.close()


class _Survey:
    """One reading of a DESFire card."""

    def __init__(
        self,
        reader: CardReader,
        keys: KeyRing,
        asked: set[bytes],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.reader = reader
        self.keys = keys
        self.asked = asked
        self.uid = b""  # what keys are diversified by
        self.random_bytes = random_bytes
        self.frame = bytearray(FRAME_BYTES)
        self.session = IssuerSession(self.frame)

    def _run(self, steps: Steps) -> Any:
        return converse(steps, self.frame, self.reader.exchange)

    def _try(self, steps: Steps) -> Any:
        """Return the result of a conversation, None when the card refused it."""
        try:
            return self._run(steps)
        except CardStatusError:
            return None

    def card(self, uid: bytes, ats: bytes) -> DesfireCard:
        """Return all that the card gives. Raises: CardLost, LayoutError, SealError."""
        version = self._run(self.session.get_version())
        true_uid = version[14:21] if any(version[14:21]) else None
        self.uid = true_uid or uid
        more: dict[str, Any] = {"random_uid": true_uid is None, "ats": ats or None}
        free = self._try(self.session.plain(GET_FREE_MEMORY))
        if free is not None and len(free) == 3:
            more["free_bytes"] = int.from_bytes(free, "little")
        self._open(PICC, 0)
        settings = self._try(self.session.plain(GET_KEY_SETTINGS))
        if settings is not None and len(settings) == 2:
            more["settings"] = settings[0]
            more["key_kind"] = KIND_OF_BITS.get(settings[1] & 0xC0)
        self._open(PICC, 0)
        more["key_version"] = self._try(self.session.get_key_version(0))
        self._open(PICC, 0)
        aids = self._try(self.session.application_ids())
        notes: tuple[str, ...] = ()
        if aids is None:
            notes = ("the card lists its applications to its master key only: there may be more",)
            aids = [aid for aid in self._candidates() if self._open(aid, None)]
        apps = tuple(self._application(aid) for aid in sorted(aids))
        return DesfireCard(
            true_uid if true_uid else (uid if len(uid) == 7 else None),
            version,
            1 << (version[5] >> 1),
            applications=apps,
            notes=notes,
            **more,
        )

    def _candidates(self) -> list[bytes]:
        return sorted(
            {*self.asked, *self.keys.aids, *(bytes.fromhex(aid) for aid in KNOWN_AIDS)} - {PICC}
        )

    def _open(self, aid: bytes, key_no: int | None) -> bool:
        """Select, and prove a key if it is known and wanted. Return whether `aid` is there."""
        if self._try(self._selected(aid)) is None:
            return False
        key = None if key_no is None else self.keys.key(aid, key_no, self.uid)
        if key is not None:
            steps = self.session.authenticate(key_no, key, self.random_bytes(16))
            if self._try(_done(steps)) is None:
                self._try(self._selected(aid))  # a refused key leaves the card without a session
        return True

    def _selected(self, aid: bytes) -> Steps:
        return _done(self.session.select(aid))

    def _application(self, aid: bytes) -> CardApplication:
        self._open(aid, 0)
        answer = self._try(self.session.plain(GET_KEY_SETTINGS))
        more: dict[str, Any] = {}
        count = 0
        if answer is not None and len(answer) == 2:
            count = answer[1] & 0x0F
            more["settings"], more["key_kind"] = answer[0], KIND_OF_BITS.get(answer[1] & 0xC0)
            # Not every card gives this bit back: without it nothing is known of ISO ids.
            more["iso_files"] = True if answer[1] & 0x20 else None
        more["key_versions"] = self._key_versions(aid, count or 14)
        self._open(aid, 0)
        numbers = self._try(self.session.file_ids())
        if numbers is None:
            more["unread"] = "the card lists its files to the master key only"
            numbers = range(32)
            if is_ours(aid):
                more["unread"] += "; ours are taken to be as SPEC.md has them"
                numbers = FILES[::4]
        found = (self._file(aid, number, "unread" not in more) for number in sorted(numbers))
        return CardApplication(aid, files=tuple(file for file in found if file), **more)

    def _key_versions(self, aid: bytes, most: int) -> tuple[int, ...] | None:
        versions = []
        for number in range(most):
            self._open(aid, None)
            version = self._try(self.session.get_key_version(number))
            if version is None:
                break
            versions.append(version)
        return tuple(versions) or None

    def _file(self, aid: bytes, number: int, listed: bool) -> CardFile | None:
        self._open(aid, 0)
        raw = self._try(self.session.plain(GET_FILE_SETTINGS, bytes((number,))))
        if raw is None:
            return self._file_of_spec(aid, number) if is_ours(aid) else None
        where = f"{self.reader.name}: file {number}"
        fields = settings_of(bytes(raw), where)
        return self._contents(aid, number, fields, where)

    def _file_of_spec(self, aid: bytes, number: int) -> CardFile | None:
        """Read a file of ours whose settings the card keeps to itself, as SPEC.md describes it."""
        if number not in FILES[::4]:
            return None
        _number, kind, rights, size = FILES[4 * (number - 1) : 4 * number]
        fields: dict[str, Any] = {"comm": 3, "rights": rights}
        if kind == VALUE:
            fields["kind"] = VALUE_KIND
        else:
            fields |= {"kind": "backup" if kind == BACKUP else "cyclic", "size_bytes": size}
        if fields["kind"] in RECORD_KINDS:
            fields |= {"size_bytes": G_BYTES, "records_max": G_RECORDS}
        return self._contents(aid, number, fields, f"{self.reader.name}: file {number}")

    def _contents(self, aid: bytes, number: int, fields: dict[str, Any], where: str) -> CardFile:
        """Try without a key where that is allowed, then every known key the rights name."""
        rights = fields["rights"]
        nibbles = [rights >> 12 & 15, rights >> 4 & 15]
        if fields["kind"] == VALUE_KIND:
            nibbles.append(rights >> 8 & 15)
        if fields.get("records_now") == 0:
            return file_of(number, fields, None, "", where)
        attempts: list[int | None] = [key for key in range(14) if key in nibbles]
        if FREE in nibbles or fields.get("free_get"):
            attempts.insert(0, None)
        for key_no in attempts:
            if key_no is not None and self.keys.key(aid, key_no, self.uid) is None:
                continue
            self._open(aid, key_no)
            mode = PLAIN if self.session.key_no < 0 or fields["comm"] == 2 else fields["comm"]
            data = self._try(self._read(number, fields, mode))
            if data is not None:
                return file_of(number, fields, bytes(data), "", where)
        keys = " or ".join(f"key {nibble}" for nibble in sorted(set(nibbles)) if nibble < FREE)
        why = f"reading needs {keys}" if keys else "nobody may read it"
        return file_of(number, fields, None, why, where)

    def _read(self, number: int, fields: dict[str, Any], mode: int) -> Steps:
        if fields["kind"] == VALUE_KIND:
            return (yield from self.session.read(GET_VALUE, bytes((number,)), 4, mode))
        if fields["kind"] in RECORD_KINDS:
            return (yield from self._records(number, fields, mode))
        data = b""
        while len(data) < fields["size_bytes"]:
            count = min(fields["size_bytes"] - len(data), PART_BYTES)
            data += yield from self.session.read_data(number, len(data), count, mode)
        return data

    def _records(self, number: int, fields: dict[str, Any], mode: int) -> Steps:
        """Return all records, oldest first, read one by one from the newest."""
        data, now = b"", fields.get("records_now")
        for back in range(now if now is not None else fields["records_max"] - 1):
            try:
                size = fields["size_bytes"]
                record = yield from self.session.read_records(number, back, 1, size, mode)
            except CardStatusError as error:
                if now is None and back and error.status == BOUNDARY:
                    break  # that was the oldest
                raise
            data = record + data
        return data


def _done(steps: Steps) -> Steps:
    """Run a conversation that returns nothing, and return True."""
    yield from steps
    return True
