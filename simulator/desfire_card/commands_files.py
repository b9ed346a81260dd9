"""Commands about files as such: create, delete, list, settings. All take effect at once."""

from dataclasses import replace

from simulator.desfire_card.channel import enciphered_in
from simulator.desfire_card.commands_card import need_length
from simulator.desfire_card.image import DataFile, File, RecordFile, ValueFile
from simulator.desfire_card.memory import file_bytes, free_bytes
from simulator.desfire_card.rights import (
    CHANGE,
    FREE,
    FREE_CREATE,
    FREE_LISTING,
    NEVER,
    need_bit_or_master,
    need_key,
)
from simulator.desfire_card.state import CardState
from simulator.desfire_card.status import (
    DUPLICATE,
    LENGTH,
    OUT_OF_MEMORY,
    PARAMETER,
    PERMISSION_DENIED,
    Refused,
)

STANDARD, BACKUP, VALUE, LINEAR, CYCLIC = 0xCD, 0xCB, 0xCC, 0xC1, 0xC0
FILES_MAX = 32


def create_data_file(state: CardState, params: bytes, code: int) -> bytes:
    """CD and CB: number [, FID 2], mode, rights 2, size 3."""
    need_length(params, 7, 9)
    number, fid, rest = _numbered(state, params, 6)
    size = int.from_bytes(rest[3:6], "little")
    if size == 0:
        raise Refused(PARAMETER)
    if size > free_bytes(state.image):
        raise Refused(OUT_OF_MEMORY)
    file = DataFile(code == BACKUP, *_mode_and_rights(rest), bytes(size), fid)
    return _create(state, code, params, number, file)


def create_value_file(state: CardState, params: bytes) -> bytes:
    """CC: number, mode, rights 2, lower 4, upper 4, value 4 (signed), flags."""
    need_length(params, 17)
    lower, upper, value = (
        int.from_bytes(params[at : at + 4], "little", signed=True) for at in (4, 8, 12)
    )
    if not lower <= value <= upper or params[16] > 3:
        raise Refused(PARAMETER)
    comm, rights = _mode_and_rights(params[1:])
    limited, free_get = bool(params[16] & 1), bool(params[16] & 2)
    file = ValueFile(comm, rights, lower, upper, value, limited, free_get)
    return _create(state, VALUE, params, params[0], file)


def create_record_file(state: CardState, params: bytes, code: int) -> bytes:
    """C1 and C0: number [, FID 2], mode, rights 2, record size 3, record count 3."""
    need_length(params, 10, 12)
    number, fid, rest = _numbered(state, params, 9)
    size = int.from_bytes(rest[3:6], "little")
    count = int.from_bytes(rest[6:9], "little")
    if size == 0 or count < (2 if code == CYCLIC else 1):
        raise Refused(PARAMETER)
    file = RecordFile(code == CYCLIC, *_mode_and_rights(rest), size, count, (), fid)
    return _create(state, code, params, number, file)


def delete_file(state: CardState, params: bytes) -> bytes:
    """DF: immediate; staged changes of the file go with it."""
    need_length(params, 1)
    need_bit_or_master(state.channel, state.application.settings, FREE_CREATE)
    state.channel.command_in(0xDF, params)
    state.file(params[0])

    def change() -> None:
        del state.application.files[params[0]]
        if state.image.transaction is not None:
            state.image.transaction.staged.pop(params[0], None)

    state.step(f"file {params[0]} gone", change)
    return state.channel.plain_out(b"")


def file_ids(state: CardState, params: bytes) -> bytes:
    """6F: one byte each, ascending. [?]"""
    need_length(params, 0)
    need_bit_or_master(state.channel, state.application.settings, FREE_LISTING)
    state.channel.command_in(0x6F, params)
    return state.channel.plain_out(bytes(sorted(state.application.files)))


def iso_file_ids(state: CardState, params: bytes) -> bytes:
    """61: two bytes each, for files that have an ISO identifier."""
    need_length(params, 0)
    need_bit_or_master(state.channel, state.application.settings, FREE_LISTING)
    state.channel.command_in(0x61, params)
    fids = [getattr(file, "iso_fid", None) for _, file in sorted(state.application.files.items())]
    joined = b"".join(fid.to_bytes(2, "little") for fid in fids if fid is not None)
    return state.channel.plain_out(joined)


def get_file_settings(state: CardState, params: bytes) -> bytes:
    """F5: 7 bytes for data files, 17 for value files, 13 for record files."""
    need_length(params, 1)
    need_bit_or_master(state.channel, state.application.settings, FREE_LISTING)
    state.channel.command_in(0xF5, params)
    return state.channel.plain_out(_settings_of(state.file(params[0])))


def change_file_settings(state: CardState, params: bytes) -> bytes:
    """5F: number | enciphered mode and rights, or 4 bytes in clear if anyone may change."""
    if not params:
        raise Refused(LENGTH)
    file = state.file(params[0])
    change = file.rights >> CHANGE & 0xF
    if change == NEVER:
        raise Refused(PERMISSION_DENIED)
    if change == FREE:
        need_length(params, 4)
        state.channel.command_in(0x5F, params)
        data = params[1:]
    else:
        need_key(state.channel, change)
        data = enciphered_in(state.channel, 0x5F, params[:1], params[1:], 3)
    comm, rights = _mode_and_rights(data)
    changed = replace(file, comm=comm, rights=rights)
    state.step(f"file {params[0]} settings", lambda: state.replace_file(params[0], changed))
    return state.channel.plain_out(b"")


def _numbered(state: CardState, params: bytes, rest_bytes: int) -> tuple[int, int | None, bytes]:
    with_fid = len(params) > 1 + rest_bytes
    if with_fid and not state.application.iso_files:
        raise Refused(LENGTH)
    fid = int.from_bytes(params[1:3], "little") if with_fid else None
    return params[0], fid, params[-rest_bytes:]


def _mode_and_rights(data: bytes) -> tuple[int, int]:
    if data[0] > 3:
        raise Refused(PARAMETER)
    return data[0], int.from_bytes(data[1:3], "little")


def _create(state: CardState, code: int, params: bytes, number: int, file: File) -> bytes:
    app = state.application
    need_bit_or_master(state.channel, app.settings, FREE_CREATE)
    state.channel.command_in(code, params)
    if number >= FILES_MAX:
        raise Refused(PARAMETER)
    fid = getattr(file, "iso_fid", None)
    taken = [getattr(other, "iso_fid", None) for other in app.files.values()]
    if number in app.files or (fid is not None and fid in taken):
        raise Refused(DUPLICATE)
    if file_bytes(file) > free_bytes(state.image):
        raise Refused(OUT_OF_MEMORY)
    state.step("file body")  # which nothing names yet
    state.step(f"file {number} named", lambda: state.replace_file(number, file))
    return state.channel.plain_out(b"")


def _settings_of(file: File) -> bytes:
    kind = (
        2
        if isinstance(file, ValueFile)
        else int(file.backup)
        if isinstance(file, DataFile)
        else 3 + int(file.cyclic)
    )
    head = bytes([kind, file.comm]) + file.rights.to_bytes(2, "little")
    if isinstance(file, DataFile):
        return head + len(file.data).to_bytes(3, "little")
    if isinstance(file, ValueFile):
        numbers = (file.lower, file.upper, file.limited_credit)
        tail = b"".join(n.to_bytes(4, "little", signed=True) for n in numbers)
        return head + tail + bytes([file.limited_enabled])
    sizes = (file.record_bytes, file.records_max, len(file.records))
    return head + b"".join(n.to_bytes(3, "little") for n in sizes)
