"""MicroPython's unix port as a board: reads its configuration, makes ports, runs the validator.

Arguments: CONFIG READER LINK CONTROL FLASH (paths), then optionally "trace".
CONFIG is what provisioning wrote: JSON with the device's keys in hexadecimal (pilot only).
"""

import json
import sys

import firmware
from firmware.app import READY_LINES, Validator
from firmware.boards.unix.lines import (
    NEWS_CARD,
    NEWS_KEY,
    NEWS_STOP,
    READER_PATIENCE,
    Control,
    DockLink,
    FlashFile,
    Serial,
)
from firmware.drivers.pn532 import Pn532
from firmware.journal import Journal
from firmware.keys import SoftwareKeys
from firmware.partitions import FLASH_BYTES, JOURNAL_BLOCKS, JOURNAL_FIRST, PACKAGES
from firmware.ui.screen import MonoScreen

IDLE_MS = 3_600_000  # without news the board looks about once an hour
KEY_NUMBERS = {"K1": 1, "K2": 2, "K3": 3, "K4": 4}


class Ports:
    """What the validator is given, by name."""

    def __init__(self, control, reader, flash, link, screen, keys):
        self.clock = control
        self.entropy = control
        self.link_entropy = control.link_bytes
        self.signals = control
        self.reader = reader
        self.flash = flash
        self.link = link
        self.screen = screen
        self.keys = keys


class TracedReader:
    """Tells the world of every command before it is sent; for `--trace` only."""

    def __init__(self, reader, trace):
        self._reader = reader
        self._trace = trace
        self.poll = reader.poll
        self.release = reader.release

    @property
    def sent(self):
        return self._reader.sent

    def exchange(self, frame, length):
        self._trace("sent", "%02X" % frame[0])
        return self._reader.exchange(frame, length)


def run(arguments):
    """Start, then tick until the world says stop."""
    config_path, reader_path, link_path, control_path, flash_path = arguments[:5]
    traced = "trace" in arguments[5:]
    control = Control(control_path)
    with open(config_path) as file:
        config = json.load(file)
    trace = (lambda text: control.signal("flash", text)) if traced else None
    flash = FlashFile(flash_path, FLASH_BYTES, trace)
    reader = Pn532(Serial(reader_path, READER_PATIENCE)).start()
    if traced:
        reader = TracedReader(reader, control.signal)
    screen = MonoScreen(lambda pixels, lamp: None)
    keys = keys_of(config)
    ports = Ports(control, reader, flash, DockLink(Serial(link_path, 0)), screen, keys)
    journal = Journal(flash, JOURNAL_FIRST, JOURNAL_BLOCKS).mount()
    publics = {from_hex(key_id): from_hex(key) for key_id, key in config["publics"].items()}
    validator = Validator(ports, journal, PACKAGES, publics, profile_of(config))
    screen.show(READY_LINES, "")
    control.signal("ready", firmware.VERSION)
    loop(validator, control)


def loop(validator, control):
    """Wait for news or the time, then tick; for ever."""
    news = 0
    while not news & NEWS_STOP:
        if news & NEWS_KEY:
            message = control.next_key()
            while message:
                validator.take_message(message)
                message = control.next_key()
        again = validator.tick(bool(news & NEWS_CARD))
        now = control.ticks_ms()
        news = control.wait(now + IDLE_MS if again < 0 else again)


def from_hex(text):
    return bytes([int(text[i : i + 2], 16) for i in range(0, len(text), 2)])


def keys_of(config):
    """Return the Keys port of a configuration."""
    masters = {}
    for generation, named in config["card_keys"].items():
        masters[int(generation)] = {
            KEY_NUMBERS[name]: from_hex(key) for name, key in named.items() if name in KEY_NUMBERS
        }
    chain, ack, cfg, dock = [from_hex(config[name]) for name in ("chain", "ack", "cfg", "dock")]
    return SoftwareKeys(chain, ack, cfg, dock, config["aid"], masters)


def profile_of(config):
    """Return the profile a tap works with; what the trip adds comes by message."""
    profile = {
        "device": config["device"],
        "authority": config["authority"],
        "operator": config["operator"],
        "terminal": config.get("terminal", 1),
        "cluster": config["aid"],
        "generation": config["generation"],
        "key_version": config.get("key_version", config["generation"]),
    }
    if "issuers" in config:
        profile["issuers"] = tuple(config["issuers"])
    return profile


def main():
    """Run with the process's arguments."""
    run(sys.argv[1:])
