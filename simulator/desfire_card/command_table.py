"""Command codes and the functions that answer them."""

from collections.abc import Callable
from functools import partial

from simulator.desfire_card import commands_application as application
from simulator.desfire_card import commands_card as card
from simulator.desfire_card import commands_content as content
from simulator.desfire_card import commands_files as files
from simulator.desfire_card import commands_keys as keys
from simulator.desfire_card.state import CardState

Answer = bytes | list[bytes]  # one payload, or payload already cut into frames
Command = Callable[[CardState, bytes], Answer]

# Commands whose data may come in several frames.
WRITING = (content.WRITE_DATA, content.WRITE_RECORD)

COMMANDS: dict[int, Command] = {
    0x60: card.get_version,
    0x6E: card.free_memory,
    0x51: card.get_card_uid,
    0xFC: card.format_picc,
    0x5C: card.set_configuration,
    0xCA: application.create_application,
    0xDA: application.delete_application,
    0x5A: application.select_application,
    0x6A: application.application_ids,
    0x6D: application.df_names,
    0x64: keys.get_key_version,
    0x45: keys.get_key_settings,
    0x54: keys.change_key_settings,
    0xC4: keys.change_key,
    0xCD: partial(files.create_data_file, code=files.STANDARD),
    0xCB: partial(files.create_data_file, code=files.BACKUP),
    0xCC: files.create_value_file,
    0xC1: partial(files.create_record_file, code=files.LINEAR),
    0xC0: partial(files.create_record_file, code=files.CYCLIC),
    0xDF: files.delete_file,
    0x6F: files.file_ids,
    0x61: files.iso_file_ids,
    0xF5: files.get_file_settings,
    0x5F: files.change_file_settings,
    0xBD: content.read_data,
    0x3D: content.write_data,
    0x6C: content.get_value,
    0x0C: partial(content.change_value, code=content.CREDIT),
    0xDC: partial(content.change_value, code=content.DEBIT),
    0x1C: partial(content.change_value, code=content.LIMITED_CREDIT),
    0xBB: content.read_records,
    0x3B: content.write_record,
    0xEB: content.clear_records,
    0xC7: content.commit_transaction,
    0xA7: content.abort_transaction,
}
