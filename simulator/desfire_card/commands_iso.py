"""ISO 7816-4 commands (CLA 00) on applications with a DF name or FID and files with a FID.

SELECT, READ BINARY, UPDATE BINARY, READ RECORDS, APPEND RECORD, always in clear: they reach what
anybody may reach. Authentication is in commands_iso_auth.py. Sizes: an EV1 offers 59 bytes out and
52 in as an NFC Forum tag [P]. What a real EV1 answers in error is not public: the words are ISO
7816-4's [?].
"""

from dataclasses import dataclass

from simulator.desfire_card import commands_iso_auth
from simulator.desfire_card.channel import OpenChannel
from simulator.desfire_card.commands_content import staged_data, staged_record, store_data
from simulator.desfire_card.framing import PICC_DF_NAME, WRAPPED_DATA_BYTES, Apdu
from simulator.desfire_card.image import PICC_AID, DataFile, RecordFile
from simulator.desfire_card.rights import READ, READ_WRITE, WRITE, comm_for
from simulator.desfire_card.state import CardState
from simulator.desfire_card.status import Refused

SELECT, READ_BINARY, UPDATE_BINARY, READ_RECORDS, APPEND_RECORD = 0xA4, 0xB0, 0xD6, 0xB2, 0xE2
FILE_INSTRUCTIONS = (SELECT, READ_BINARY, UPDATE_BINARY, READ_RECORDS, APPEND_RECORD)
INSTRUCTIONS = (*FILE_INSTRUCTIONS, *commands_iso_auth.INSTRUCTIONS)

OK = 0x9000
END_OF_FILE = 0x6282
WRONG_LENGTH, WRONG_KIND, NO_RIGHT, NO_FILE_SELECTED = 0x6700, 0x6981, 0x6982, 0x6986
NOT_FOUND, NO_RECORD, NO_ROOM, WRONG_PARAMETERS, WRONG_OFFSET = (
    *(0x6A82, 0x6A83, 0x6A84),
    *(0x6A86, 0x6B00),
)

MASTER_FILE = b"\x3f\x00"
BY_ANY_FID, EF_BY_FID, PARENT, BY_NAME = 0x00, 0x02, 0x03, 0x04
NO_ANSWER_WANTED = 0x0C  # P2 of SELECT; 00 asks for an FCI, which this card has none of
ANSWER_BYTES_MAX = 59
SHORT_ID = 0x80


class IsoRefused(Exception):
    """The card answers with an error word; the running transaction is lost, as with any error."""

    def __init__(self, word: int) -> None:
        super().__init__(f"{word:04X}")
        self.word = word


@dataclass(frozen=True)
class IsoAnswer:
    """Data and status word."""

    data: bytes = b""
    word: int = OK

    def encoded(self) -> bytes:
        """Return the bytes that travel."""
        return self.data + self.word.to_bytes(2, "big")


def perform(state: CardState, apdu: Apdu) -> IsoAnswer:
    """Carry out one command of INSTRUCTIONS. Raises: IsoRefused."""
    if len(apdu.data) > WRAPPED_DATA_BYTES:
        raise IsoRefused(WRONG_LENGTH)
    if apdu.ins in commands_iso_auth.INSTRUCTIONS:
        data, error = commands_iso_auth.authenticate(state, apdu)
        if error:
            raise IsoRefused(error)
        return IsoAnswer(data)
    handlers = {
        SELECT: select,
        READ_BINARY: read_binary,
        UPDATE_BINARY: update_binary,
        READ_RECORDS: read_records,
        APPEND_RECORD: append_record,
    }
    return handlers[apdu.ins](state, apdu)


def select(state: CardState, apdu: Apdu) -> IsoAnswer:
    """A4: a DF by name or FID ends session and transaction; an EF by FID only becomes current."""
    if apdu.p1 not in (BY_ANY_FID, EF_BY_FID, PARENT, BY_NAME):
        raise IsoRefused(WRONG_PARAMETERS)
    if apdu.p2 not in (0x00, NO_ANSWER_WANTED):
        raise IsoRefused(WRONG_PARAMETERS)
    if apdu.p1 == BY_NAME:
        state.select(_application_named(state, apdu.data))
    elif apdu.p1 == PARENT or (apdu.p1 == BY_ANY_FID and apdu.data in (b"", MASTER_FILE)):
        state.select(PICC_AID)
    elif len(apdu.data) != 2:
        raise IsoRefused(WRONG_LENGTH)
    else:
        _select_by_fid(state, int.from_bytes(apdu.data, "big"), apdu.p1 == BY_ANY_FID)
    return IsoAnswer()


def read_binary(state: CardState, apdu: Apdu) -> IsoAnswer:
    """B0: from an offset, so many bytes as expected; 00 = as many as there are and fit."""
    if apdu.data:
        raise IsoRefused(WRONG_LENGTH)
    number, offset = _place(state, apdu)
    file = state.file(number)
    if not isinstance(file, DataFile):
        raise IsoRefused(WRONG_KIND)
    _need_right(file.comm, file.rights, (READ, READ_WRITE))
    if offset >= len(file.data):
        raise IsoRefused(WRONG_OFFSET)
    wanted = min(apdu.expected or ANSWER_BYTES_MAX, ANSWER_BYTES_MAX)
    data = file.data[offset : offset + wanted]
    is_short = apdu.expected != 0 and len(data) < min(apdu.expected, ANSWER_BYTES_MAX)
    return IsoAnswer(data, END_OF_FILE if is_short else OK)


def update_binary(state: CardState, apdu: Apdu) -> IsoAnswer:
    """D6: a standard file at once, a backup file at CommitTransaction [?]."""
    number, offset = _place(state, apdu)
    file = state.file(number)
    if not isinstance(file, DataFile):
        raise IsoRefused(WRONG_KIND)
    _need_right(file.comm, file.rights, (WRITE, READ_WRITE))
    if not apdu.data:
        raise IsoRefused(WRONG_LENGTH)
    if offset + len(apdu.data) > len(file.data):
        raise IsoRefused(WRONG_OFFSET if offset >= len(file.data) else NO_ROOM)
    if file.backup:
        staged_data(state, number, offset, apdu.data)
    else:
        store_data(state, number, file, offset, apdu.data)
    return IsoAnswer()


def read_records(state: CardState, apdu: Apdu) -> IsoAnswer:
    """B2: record P1 (P2 bits 4) or P1 to the last (5); 1 is a cyclic file's newest."""
    number, file = _record_file(state, apdu.p2 >> 3)
    _need_right(file.comm, file.rights, (READ, READ_WRITE))
    if apdu.p2 & 7 not in (4, 5):
        raise IsoRefused(WRONG_PARAMETERS)
    rows = file.records[::-1] if file.cyclic else file.records
    first = max(apdu.p1, 1) - 1
    if first >= len(rows):
        raise IsoRefused(NO_RECORD)
    data = b"".join(rows[first : first + 1] if apdu.p2 & 7 == 4 else rows[first:])
    wanted = min(apdu.expected or ANSWER_BYTES_MAX, ANSWER_BYTES_MAX)
    return IsoAnswer(data[:wanted])


def append_record(state: CardState, apdu: Apdu) -> IsoAnswer:
    """E2: one whole record, seen after CommitTransaction [?]."""
    number, file = _record_file(state, apdu.p2 >> 3)
    _need_right(file.comm, file.rights, (WRITE, READ_WRITE))
    if apdu.p1 or apdu.p2 & 7:
        raise IsoRefused(WRONG_PARAMETERS)
    if len(apdu.data) != file.record_bytes:
        raise IsoRefused(WRONG_LENGTH)
    try:
        staged_record(state, number, file, 0, apdu.data)
    except Refused:
        raise IsoRefused(NO_ROOM) from None
    return IsoAnswer()


def _application_named(state: CardState, name: bytes) -> bytes:
    named = {app.df_name: aid for aid, app in state.image.applications.items() if app.df_name}
    named[PICC_DF_NAME] = PICC_AID
    if name not in named:
        raise IsoRefused(NOT_FOUND)
    return named[name]


def _select_by_fid(state: CardState, fid: int, also_applications: bool) -> None:
    if state.selected != PICC_AID:
        for number, file in state.application.files.items():
            if getattr(file, "iso_fid", None) == fid:
                state.selected_file = number
                return
    if also_applications:
        for aid, app in state.image.applications.items():
            if app.iso_fid == fid:
                state.select(aid)
                return
    raise IsoRefused(NOT_FOUND)


def _place(state: CardState, apdu: Apdu) -> tuple[int, int]:
    """Return file number and offset: P1 with its top bit set names the file by a short id."""
    if apdu.p1 & SHORT_ID:
        return _file_number(state, apdu.p1 & 0x1F), apdu.p2
    return _file_number(state, 0), apdu.p1 << 8 | apdu.p2


def _record_file(state: CardState, short_id: int) -> tuple[int, RecordFile]:
    number = _file_number(state, short_id)
    file = state.file(number)
    if not isinstance(file, RecordFile):
        raise IsoRefused(WRONG_KIND)
    return number, file


def _file_number(state: CardState, short_id: int) -> int:
    """Return the file named by a short id (its number [?]), or the current one for 0."""
    if state.selected == PICC_AID:
        raise IsoRefused(NO_FILE_SELECTED)
    files = state.application.files
    if short_id:
        if getattr(files.get(short_id), "iso_fid", None) is None:
            raise IsoRefused(NOT_FOUND)
        return short_id
    if state.selected_file not in files:
        raise IsoRefused(NO_FILE_SELECTED)
    assert state.selected_file is not None, "None is no file number"
    return state.selected_file


def _need_right(comm: int, rights: int, shifts: tuple[int, ...]) -> None:
    try:
        comm_for(OpenChannel(), comm, rights, shifts)
    except Refused:
        raise IsoRefused(NO_RIGHT) from None
