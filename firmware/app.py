"""The validator: wires ports and services once, then ticks.

A tick looks at the reader if there may be a card, drives one tap to its answer, serves the dock
and lets the journal prepare itself. Nothing here waits: the board's main loop does.
Source: architecture.md 4; trust.md 4.2 (the field is kept 300 ms after an unknown commit).
"""

import gc
import sys

from card_layouts.answers import AMBER, TAP_AGAIN, lamp_of, unfinished
from card_layouts.cards.conversation import converse, forget_traces
from card_layouts.errors import LayoutError, SealError
from card_layouts.fares.mounted import Tariff
from card_layouts.packages.action_list import ActionList
from card_layouts.packages.manifest import ACTIONS, HOTLIST, LEASE, OVERLAY, ROLE_NAMES, TARIFF
from card_layouts.records.entries import BOOT
from firmware.boot_entry import boot_entry
from firmware.card_writer import REPOLL_MS
from firmware.device_clock import DeviceClock
from firmware.dock_line import DockLine
from firmware.journal_errors import JournalFull
from firmware.lease import Lease, kept, read_lease
from firmware.package_checks import package_checks
from firmware.package_slots import PackageSlots
from firmware.ports import MANY
from firmware.tap import Tap
from firmware.ui.text import idle_lines, show_answer
from firmware.updates import JOURNAL_ROOM, Updates
from firmware.vehicle_messages import forget_choices, read_message

REPOLL_STEP_MS = 50
# As tools/build_image.py calls the image's modules for seldom uses.
SELDOM = (
    "tornello_start",
    "tornello_place",
    "tornello_config",
    "tornello_boot",
    "tornello_harvest",
    "tornello_lists",
    "tornello_action",
    "tornello_loaded",
    "tornello_ticket",
    "tornello_cipher",
    "tornello_signature",
    "tornello_single",
    "tornello_scan",
    "tornello_check",
    "tornello_use",
    "tornello_orders",
    "tornello_sale",
    "tornello_print",
    "tornello_void",
    "tornello_shift",
    "tornello_package",
    "tornello_dock",
)
SHOWN_MS = 2000  # how long an answer stays on the screen
KEPT_MS = 20_000  # how long a choice waits for its card, and an unfinished tap for its end


class Validator:
    """One device. `ports`: clock, entropy, reader, flash, link, screen, signals, keys."""

    def __init__(self, ports, journal, partitions, publics, profile, window=None):
        self._ports = ports
        # Before everything else: its buffers are the largest pieces and stay as long as the device.
        self._tariff = Tariff(None)
        self.journal = journal
        self.profile = profile
        self.clock = DeviceClock(ports.clock, journal.counters)
        self.updates = self._make_updates(ports, partitions, publics)
        self.tap = Tap(
            profile,
            self.clock,
            ports.entropy,
            journal,
            ports.keys,
            None,
            None,
            Lease(),
            ports.signals,
            window,
        )
        self.tap.make_room = self._make_room
        self.singles = None  # the Singles of a device that has a scanner or a printer
        self.dock = DockLine(ports.link, ports.clock, self._make_dock, self._updating)
        self._versions = {}
        self._present = None  # the card that lies on the reader and has had its answer
        self._repoll_until = -1
        # Boards that are told of cards (card_news) need not look by themselves.
        self._poll_ms = profile.get("poll_ms", 0)
        self._said = None
        self._untidy = False
        self._shown_until = -1
        self.load_packages()
        self._show_idle()

    def _make_updates(self, ports, partitions, publics):
        slots = {}
        for role, first_block, blocks in partitions:
            slots[role] = PackageSlots(ports.flash, first_block, blocks, role)
            slots[role].mount(ports.keys.cfg)
        checks = package_checks(ports.keys.cfg, self.journal, self.profile, slots, self.clock)
        return Updates(
            ports.flash, slots, ports.keys.cfg, publics, self.journal, self.clock, checks
        )

    def _make_dock(self):
        from firmware.dock import Dock

        ports = self._ports
        return Dock(
            ports.link, self.journal, self.updates, ports.keys, self.clock, ports.link_entropy
        )

    def _updating(self):
        return self.updates.busy

    def boot(self, image_hash, version):
        """Journal that the device was switched on; a nearly full journal is kept for taps."""
        if self.journal.free_slots() > JOURNAL_ROOM:
            now, source = self.clock.now()
            entry = boot_entry(self.journal, now, source, image_hash, version)
            try:
                self.journal.append(BOOT, entry)
            except JournalFull:
                pass  # a dead block took the room: the device still docks, which makes room
        self.updates.settle()

    # Packages in force ----------------------------------------------------------------

    def load_packages(self):
        """Use the packages that are in force now; a body that cannot be read counts as none."""
        self._load(TARIFF, self._use_tariff)
        base, overlay = self.updates.active(HOTLIST), self.updates.active(OVERLAY)
        versions = (base and base.version, overlay and overlay.version)
        if self._versions.get(HOTLIST) != versions:
            self._versions[HOTLIST] = versions
            self.tap.hotlist = open_hotlist(base, overlay)
            self._say_package(HOTLIST, base)
            self._say_package(OVERLAY, overlay)
        self._load(LEASE, self._use_lease)
        self._load_actions()

    def _load(self, role, use):
        package = self.updates.active(role)
        version = package.version if package is not None else 0
        if self._versions.get(role) != version:
            self._versions[role] = version
            try:
                use(package)
                self._say_package(role, package)
            except (LayoutError, SealError):
                self._ports.signals.signal("fault", "package " + ROLE_NAMES[role])

    def _say_package(self, role, package):
        if package is not None:
            self._ports.signals.signal("package", f"{ROLE_NAMES[role]} {package.version} switched")

    def _use_tariff(self, package):
        """Mount a tariff's body."""
        self.tap.tariff = None
        if package is None:
            return
        self._tariff.read_into = package.read_into
        self._tariff.mount()
        self.tap.tariff = self._tariff

    def _use_lease(self, package):
        self.tap.lease = Lease()
        if package is not None:
            values = read_lease(package.read, self._ports.keys.cfg)
            self.journal.counters.raise_floor(values["time"])
            self.tap.lease = Lease(kept(values))
            from firmware.action_lists import forget_older_keys

            forget_older_keys(self.updates, self._ports.flash)

    def _load_actions(self):
        """Open the action list with the lease's key, whenever one of them is new or too old."""
        package = self.updates.active(ACTIONS)
        over = package is not None and package.expired(self.updates.now())
        versions = (package and package.version, self._versions.get(LEASE), over)
        if self._versions.get(ACTIONS) != versions:
            self._versions[ACTIONS] = versions
            from firmware.action_lists import list_in_force

            found = list_in_force(self.updates, self._ports.keys)
            self.tap.actions = ActionList(*found) if found else None
            if found:
                self._say_package(ACTIONS, package)

    # Ticks ----------------------------------------------------------------------------

    def tick(self, card_news):
        """Do what there is to do; return the ticks_ms at which to look again, or -1.

        `card_news`: a card may just have been laid on the reader.
        """
        now = self._ports.clock.ticks_ms()
        if now > self._repoll_until:
            self._repoll_until = -1
        if self.dock.forget_if_quiet():
            self._make_room()
        if card_news:
            self._present = None
        if card_news or self._repoll_until >= 0 or self._poll_ms:
            self._look()
        if 0 <= self._shown_until <= now:
            forget_choices(self.profile)
            self._show_idle()
        worked = self.dock.tick()
        if self.dock.installed():
            self.load_packages()
        worked = self._serve_singles() or worked
        if self._untidy and not worked:
            forget_seldom()
            gc.collect()  # frames and checks of the dock leave holes a tap would stumble over
        self._untidy = worked
        if worked:
            self.journal.idle()
        self._say_journal()
        if worked:
            return now
        if self._repoll_until >= 0:
            return now + REPOLL_STEP_MS
        return now + self._poll_ms if self._poll_ms else self._shown_until

    def _look(self):
        """Poll the reader and treat the card that lies there."""
        reader = self._ports.reader
        uid = reader.poll()
        if uid is None:
            self._present = None
            return
        if uid == self._present:
            return
        self._present = uid
        if uid == MANY:
            answer = self.tap.two_cards()
        else:
            self.load_packages()
            try:
                answer = converse(self._tapped(uid), self.tap.frame, reader.exchange)
            except MemoryError:
                # As after a power cut: the passenger is told to try again, the board starts anew,
                # and the next tap settles whatever was under way.
                show_answer(self._ports.screen, TAP_AGAIN)
                raise
        reader.release()
        show_answer(self._ports.screen, answer, self.tap.told)
        self.tap.told = ()
        after = self._ports.clock.ticks_ms()
        if lamp_of(answer) == AMBER:
            self._shown_until = after + KEPT_MS  # the same passenger tries again, with his choice
        else:
            self._shown_until = after + SHOWN_MS
            forget_choices(self.profile)
        if answer == TAP_AGAIN or unfinished(answer):
            self._present = None  # the same card may finish it without having been away
        if not unfinished(answer):
            self._repoll_until = -1
        elif self._repoll_until < 0:
            self._repoll_until = after + REPOLL_MS
        if self.tap.spoilt:
            self.tap.spoilt = False
            from firmware.action_lists import tell_unused

            tell_unused(self.updates)
        self.journal.idle()
        forget_traces()
        self._make_room()  # never inside the conversation: a tap ends with a clean heap

    def _make_room(self):
        if self.singles is None or not self.singles.working:
            forget_seldom()
        gc.collect()

    def _serve_singles(self):
        """Go on with a ticket on paper, if there is one; return whether there was."""
        singles = self.singles
        if singles is None or not singles.busy:
            return False
        answer = singles.tick()
        if answer:
            show_answer(self._ports.screen, answer)
            self._shown_until = self._ports.clock.ticks_ms() + SHOWN_MS
        if not singles.working:
            forget_seldom()
            gc.collect()
        return True

    def _tapped(self, uid):
        """Return the conversation of one tap, by the kind of card."""
        if self._ports.reader.iso_dep:
            return self.tap.run(uid)
        # In the image it is a module of its own: it needs its heap only for as long as a ticket.
        if self.singles is not None:
            self.singles.pause()
        forget_seldom()
        gc.collect()
        from firmware.tap_ticket import TicketTap

        return TicketTap(self.tap).run(uid)

    def _show_idle(self):
        self._shown_until = -1
        self._ports.screen.show(idle_lines(self.profile), "")

    def _say_journal(self):
        said = (self.journal.head_seq, self.journal.acked_seq)
        if said != self._said:
            self._said = said
            self._ports.signals.signal("journal", f"{said[0]} {said[1]}")

    # What the vehicle and the driver say ----------------------------------------------

    def take_message(self, text):
        """Take a message of vehicle_messages.py, or "docked": the dock's contact has closed.

        Anything else, or a number out of its range, changes nothing and is counted as a fault.
        """
        if text.split() == ["docked"]:
            self.dock.announce()
            return
        if self.singles is not None and self.singles.take(text):
            return
        values = read_message(text)
        if values is None:
            self._ports.signals.signal("fault", "message")
            return
        self.profile.update(values)
        self._show_idle()
        self._shown_until = self._ports.clock.ticks_ms() + KEPT_MS


def forget_seldom():
    """Give back the heap of the modules that were loaded for one ticket or one docking."""
    for name in SELDOM:
        if name in sys.modules:
            # MicroPython leaves a removed value in its table, where the collector still finds it.
            sys.modules[name] = None
            del sys.modules[name]


def open_hotlist(base, overlay):
    """Return the Hotlist of two packages; an overlay for another base is left out."""
    if base is None:
        return None
    from card_layouts.packages.hotlist import Hotlist

    try:
        return Hotlist(base.read, overlay.read if overlay is not None else None)
    except LayoutError:
        pass
    try:
        return Hotlist(base.read)
    except LayoutError:
        return None
