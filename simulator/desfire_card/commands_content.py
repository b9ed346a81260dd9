"""Commands on what files hold: data, values, records; and the end of a transaction.

Reads see what was committed; writes to backup, value and record files are staged (standard
files change at once). Any refusal aborts the transaction: card.py does that for all commands.
"""

from dataclasses import replace
from functools import partial

from simulator.desfire_card import transaction
from simulator.desfire_card.channel import answered, received, secured_bytes
from simulator.desfire_card.commands_card import need_length
from simulator.desfire_card.image import DataFile, RecordFile, Staged, ValueFile
from simulator.desfire_card.rights import READ, READ_WRITE, WRITE, comm_for
from simulator.desfire_card.state import CardState
from simulator.desfire_card.status import (
    BOUNDARY,
    LENGTH,
    PARAMETER,
    PERMISSION_DENIED,
    Refused,
)

CREDIT, DEBIT, LIMITED_CREDIT = 0x0C, 0xDC, 0x1C
WRITE_DATA, WRITE_RECORD = 0x3D, 0x3B
HEADER_BYTES = 7  # number, offset 3, length 3


def read_data(state: CardState, params: bytes) -> bytes:
    """BD: number, offset 3, length 3; length 0 = to the end."""
    need_length(params, HEADER_BYTES)
    file = _data_file(state, params[0])
    comm = comm_for(state.channel, file.comm, file.rights, (READ, READ_WRITE))
    state.channel.command_in(0xBD, params)
    offset, length = _range(params)
    end = offset + length if length else len(file.data)
    if end > len(file.data) or offset >= end:
        raise Refused(BOUNDARY)
    return answered(state.channel, comm, file.data[offset:end], length_known=length != 0)


def announced_bytes(state: CardState, code: int, params: bytes) -> int:
    """Return how many parameter bytes a writing command will have when all frames are in."""
    if len(params) < HEADER_BYTES:
        raise Refused(LENGTH)
    file = _record_file(state, params[0]) if code == WRITE_RECORD else _data_file(state, params[0])
    comm = comm_for(state.channel, file.comm, file.rights, (WRITE, READ_WRITE))
    offset, length = _range(params)
    room = file.record_bytes if isinstance(file, RecordFile) else len(file.data)
    if length == 0:
        raise Refused(PARAMETER)
    if offset + length > room:
        raise Refused(BOUNDARY)
    return HEADER_BYTES + secured_bytes(state.channel, comm, length)


def write_data(state: CardState, params: bytes) -> bytes:
    """3D: number, offset 3, length 3, data. Two write steps; a standard file may be torn."""
    file = _data_file(state, params[0])
    offset, data = _received_data(state, WRITE_DATA, params, file)
    if file.backup:
        staged_data(state, params[0], offset, data)
    else:
        store_data(state, params[0], file, offset, data)
    return state.channel.plain_out(b"")


def staged_data(state: CardState, number: int, offset: int, data: bytes) -> None:
    """Write into the mirror of a backup file: two write steps."""
    staged = state.staged(number)
    assert isinstance(staged.file, DataFile), "staged file changed its kind"
    whole = replace(staged.file, data=_patched(staged.file.data, offset, data))
    state.step(f"file {number} mirror body")
    state.step(
        f"file {number} mirror staged", lambda: state.stage(number, replace(staged, file=whole))
    )


def store_data(state: CardState, number: int, file: DataFile, offset: int, data: bytes) -> None:
    """Write into a standard file: two write steps, between which it is torn."""
    for half, end in ((1, len(data) // 2), (2, len(data))):
        part = replace(file, data=_patched(file.data, offset, data[:end]))
        state.step(f"file {number} half {half}", partial(state.replace_file, number, part))


def get_value(state: CardState, params: bytes) -> bytes:
    """6C: the committed value, 4 bytes signed."""
    need_length(params, 1)
    file = _value_file(state, params[0])
    nibbles = (READ, WRITE, READ_WRITE)
    comm = comm_for(state.channel, file.comm, file.rights, nibbles, file.free_get)
    state.channel.command_in(0x6C, params)
    return answered(state.channel, comm, file.value.to_bytes(4, "little", signed=True))


def change_value(state: CardState, params: bytes, code: int) -> bytes:
    """0C, DC, 1C: number, amount 4 (>= 0). One write step; several add up until commit. [S]"""
    if not params:
        raise Refused(LENGTH)
    file = _value_file(state, params[0])
    nibbles = {
        CREDIT: (READ_WRITE,),
        DEBIT: (READ, WRITE, READ_WRITE),
        LIMITED_CREDIT: (WRITE, READ_WRITE),
    }
    comm = comm_for(state.channel, file.comm, file.rights, nibbles[code])
    data = received(state.channel, comm, code, params[:1], params[1:], 4)
    amount = int.from_bytes(data, "little", signed=True)
    if amount < 0:
        raise Refused(PARAMETER)
    staged = _with_amount(state.staged(params[0]), code, amount)
    state.step(f"file {params[0]} value staged", lambda: state.stage(params[0], staged))
    return state.channel.plain_out(b"")


def read_records(state: CardState, params: bytes) -> bytes:
    """BB: number, offset 3 (0 = newest), count 3 (0 = all older); oldest first. [P]"""
    need_length(params, HEADER_BYTES)
    file = _record_file(state, params[0])
    comm = comm_for(state.channel, file.comm, file.rights, (READ, READ_WRITE))
    state.channel.command_in(0xBB, params)
    offset, count = _range(params)
    there = len(file.records)
    first = there - offset - count if count else 0
    if first < 0 or offset >= there:
        raise Refused(BOUNDARY)
    data = b"".join(file.records[first : there - offset])
    return answered(state.channel, comm, data, length_known=count != 0)


def write_record(state: CardState, params: bytes) -> bytes:
    """3B: number, offset 3, length 3, data. The first of a transaction opens a record. [S]"""
    file = _record_file(state, params[0])
    offset, data = _received_data(state, WRITE_RECORD, params, file)
    staged_record(state, params[0], file, offset, data)
    return state.channel.plain_out(b"")


def staged_record(
    state: CardState, number: int, file: RecordFile, offset: int, data: bytes
) -> None:
    """Write into the record this transaction opens, or opened: two write steps."""
    staged = state.staged(number)
    assert isinstance(staged.file, RecordFile), "staged file changed its kind"
    if staged.cleared:
        raise Refused(PERMISSION_DENIED)  # [S] until the clearing is committed
    older, newest = staged.file.records, bytes(staged.file.record_bytes)
    if staged.opened:
        older, newest = older[:-1], older[-1]
    elif file.cyclic:
        older = older[-(file.records_max - 2) :] if file.records_max > 2 else ()
    elif len(older) == file.records_max:
        raise Refused(BOUNDARY)
    records = (*older, _patched(newest, offset, data))
    state.step(f"file {number} record body")
    after = replace(staged, file=replace(staged.file, records=records), opened=True)
    state.step(f"file {number} record staged", lambda: state.stage(number, after))


def clear_records(state: CardState, params: bytes) -> bytes:
    """EB: needs the read+write key; takes effect at commit. One write step."""
    need_length(params, 1)
    file = _record_file(state, params[0])
    comm_for(state.channel, file.comm, file.rights, (READ_WRITE,))
    state.channel.command_in(0xEB, params)
    cleared = Staged(replace(file, records=()), cleared=True)
    state.step(f"file {params[0]} clearing staged", lambda: state.stage(params[0], cleared))
    return state.channel.plain_out(b"")


def commit_transaction(state: CardState, params: bytes) -> bytes:
    """C7: everything staged becomes the content of the card, or nothing."""
    need_length(params, 0)
    state.channel.command_in(0xC7, params)
    transaction.commit(state)
    return state.channel.plain_out(b"")


def abort_transaction(state: CardState, params: bytes) -> bytes:
    """A7: forget everything staged. The session goes on."""
    need_length(params, 0)
    state.channel.command_in(0xA7, params)
    if state.image.transaction is None:
        raise Refused(0x0C)  # NO_CHANGES [P]
    transaction.abort(state)
    return state.channel.plain_out(b"")


def _with_amount(staged: Staged, code: int, amount: int) -> Staged:
    file = staged.file
    assert isinstance(file, ValueFile), "staged file changed its kind"
    if code == DEBIT:
        if file.value - amount < file.lower:
            raise Refused(BOUNDARY)
        debits = (staged.debits or 0) + amount
        return replace(staged, file=replace(file, value=file.value - amount), debits=debits)
    if file.value + amount > file.upper:
        raise Refused(BOUNDARY)
    if code == CREDIT:
        return replace(staged, file=replace(file, value=file.value + amount))
    if not file.limited_enabled:
        raise Refused(PERMISSION_DENIED)  # exact code [?]
    left = file.limited_credit - amount
    if left < 0:
        raise Refused(BOUNDARY)
    after = replace(file, value=file.value + amount, limited_credit=left)
    return replace(staged, file=after, limited_used=True)


def _received_data(
    state: CardState, code: int, params: bytes, file: DataFile | RecordFile
) -> tuple[int, bytes]:
    comm = comm_for(state.channel, file.comm, file.rights, (WRITE, READ_WRITE))
    offset, length = _range(params)
    header, body = params[:HEADER_BYTES], params[HEADER_BYTES:]
    return offset, received(state.channel, comm, code, header, body, length)


def _range(params: bytes) -> tuple[int, int]:
    return int.from_bytes(params[1:4], "little"), int.from_bytes(params[4:7], "little")


def _patched(whole: bytes, offset: int, data: bytes) -> bytes:
    return whole[:offset] + data + whole[offset + len(data) :]


def _data_file(state: CardState, number: int) -> DataFile:
    file = state.file(number)
    if not isinstance(file, DataFile):
        raise Refused(PERMISSION_DENIED)  # a command for another type of file [?]
    return file


def _value_file(state: CardState, number: int) -> ValueFile:
    file = state.file(number)
    if not isinstance(file, ValueFile):
        raise Refused(PERMISSION_DENIED)
    return file


def _record_file(state: CardState, number: int) -> RecordFile:
    file = state.file(number)
    if not isinstance(file, RecordFile):
        raise Refused(PERMISSION_DENIED)
    return file
