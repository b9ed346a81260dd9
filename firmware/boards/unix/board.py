"""MicroPython's unix port as a board: makes the ports and runs the validator until told to stop.

Arguments: CONFIG READER LINK CONTROL FLASH (paths), then optionally "trace" (tell the world of
slots and commits). With CONFIG alone they stand in it: "board": {"reader": path, ...}.
"""

import gc
import sys

from card_layouts.errors import LayoutError
from firmware import VERSION
from firmware.app import Validator, forget_seldom
from firmware.boards.unix.control import CARD, KEY, STOP, ControlLine
from firmware.boards.unix.flash import FileFlash
from firmware.boards.unix.lines import PtyLink, ReaderStream, open_line
from firmware.configuration import keys_of, profile_of, publics_of, read_configuration
from firmware.drivers.pn532 import Pn532
from firmware.heap_window import HeapWindow
from firmware.journal import Journal
from firmware.partitions import JOURNAL_BLOCKS, JOURNAL_FIRST, PACKAGES
from firmware.ui.screen import Screen

IDLE_MS = 3_600_000  # the world wakes the board for news; a real one looks every 50 ms


class Ports:
    """What the validator is given, by name."""

    def __init__(self, control, reader, flash, link, screen, keys):
        self.clock = control
        self.entropy = control
        self.link_entropy = control.link_random_bytes
        self.signals = control
        self.reader = reader
        self.flash = flash
        self.link = link
        self.screen = screen
        self.keys = keys


class NoDisplay:
    """Takes what would go to a display."""

    def show(self, buffer):
        pass


def main(image_hash=bytes(16)):
    """Run with the process's arguments."""
    try:
        validator, control = start(sys.argv[1], wiring(sys.argv[2:]))
    except LayoutError:  # its words are left out of the image
        print(sys.argv[1] + ": wanted what `tornello keyring provision` prints for a device")
        sys.exit(1)
    validator.boot(image_hash, VERSION)
    forget_seldom()
    gc.collect()
    control.signal("ready", VERSION)
    loop(validator, control)


def wiring(arguments):
    """Return the paths of READER LINK CONTROL FLASH and whether to trace, {} of no arguments."""
    wired = {}
    for name, value in zip(("reader", "link", "control", "flash", "trace"), arguments):
        wired[name] = value
    return wired


def start(path, wired):
    """Return (validator, control line) of the configuration in the file `path`.

    It is forgotten before anything is made: it would leave holes among what stays.
    """
    config = read_configuration(path)
    keys, publics, profile = keys_of(config), publics_of(config), profile_of(config)
    sells = bool(config.get("ticket"))
    wired = wired or config["board"]
    config = None
    forget_seldom()
    gc.collect()
    control = ControlLine(open_line(wired["control"]))
    flash = FileFlash(wired["flash"])
    reader = Pn532(ReaderStream(wired["reader"]))
    if wired.get("trace"):
        from firmware.boards.unix.tracing import TracedFlash, TracedReader

        flash = TracedFlash(flash, control, JOURNAL_FIRST, JOURNAL_BLOCKS)
        reader = TracedReader(reader, control)
    screen = Screen(NoDisplay())
    ports = Ports(control, reader, flash, PtyLink(wired["link"]), screen, keys)
    journal = Journal(flash, JOURNAL_FIRST, JOURNAL_BLOCKS).mount()
    validator = Validator(ports, journal, PACKAGES, publics, profile, HeapWindow())
    if sells:
        # In the image a module of its own: only a vehicle's device has it on its heap.
        from firmware.boards.unix.vehicle import sell_and_scan

        sell_and_scan(validator, ports)
    return validator, control


def loop(validator, control):
    """Wait for news or the time, then tick."""
    news = 0
    while not news & STOP:
        if news & KEY:
            message = control.next_message()
            while message:
                validator.take_message(message)
                message = control.next_message()
        again_ms = validator.tick(bool(news & CARD))
        if again_ms < 0:
            again_ms = control.ticks_ms() + IDLE_MS
        news = control.wait(again_ms)
