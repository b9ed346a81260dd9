"""Readers of what lies on a board's flash: the journal's ring and the slots of packages.

Whatever the image: it mounts or says that it is damaged, and after a mount the journal takes an
entry, keeps it over a restart and gives it back. Shared dialect.
"""

from card_layouts.crypto.kdf import block_key
from card_layouts.errors import LayoutError, RangeError
from card_layouts.packages.hotlist import KIND_BASE, HotlistFile
from card_layouts.packages.manifest import HOTLIST
from card_layouts.records.entries import BOOT
from firmware.journal import Journal
from firmware.journal_block import JournalDamaged
from firmware.journal_errors import AcknowledgementRefused, JournalFull
from firmware.journal_provision import provision
from firmware.package_slots import PackageSlots
from simulator.fuzzing.shared.flash import BLOCK_BYTES, MemoryFlash
from simulator.fuzzing.shared.parts import split_parts
from simulator.fuzzing.shared.sealed import KEY, UIDS

BLOCKS = 3
DEVICE, EPOCH = 4711, 2
SLOT_BLOCKS = 2
PAYLOAD = bytes(range(96))


def image_of(case, blocks):
    """Return the flash of a case: a part a block, each filled up with ones."""
    image = b""
    for part in split_parts(case)[:blocks]:
        image += part[:BLOCK_BYTES] + b"\xff" * max(0, BLOCK_BYTES - len(part))
    return image


def fresh_image(first_seq=1):
    """Return the flash that provisioning leaves."""
    flash = MemoryFlash(BLOCKS)
    provision(flash, 0, BLOCKS, DEVICE, EPOCH, block_key(KEY * 2), first_seq)
    image = bytearray(flash.size)
    flash.read(0, image)
    return bytes(image)


def journal_of(setup):
    """Return what mounts a ring of three blocks, works with it and restarts."""
    flash = MemoryFlash(BLOCKS)
    slot = bytearray(128)

    def read(case):
        flash.restore(image_of(case, BLOCKS))
        journal = Journal(flash, 0, BLOCKS).mount()
        assert journal.first_kept_seq <= journal.head_seq + 1, "kept from behind the end"
        found = [_state(journal), journal.chain_at(journal.first_kept_seq)]
        kept = 0
        for seq in range(journal.first_kept_seq, min(journal.head_seq, journal.first_kept_seq + 3)):
            kept += journal.read_slot(seq, slot)
        found.append(kept)
        before = journal.head_seq
        try:
            seq = journal.append(BOOT, PAYLOAD)
            assert seq == before + 1, "a number is left out"
            assert journal.read_slot(seq, slot), "an entry is not given back"
            again = Journal(flash, 0, BLOCKS).mount()
            assert again.head_seq == seq and again.H == journal.H, "a restart loses an entry"
            journal = again
        except JournalFull:
            found.append("full")
        found.append(_acknowledged(journal))
        journal.idle()
        return found, _state(journal)

    return read


def _acknowledged(journal):
    """Acknowledge everything as the ledger would; return what the journal said."""
    ack = {
        "device": journal.device,
        "epoch": journal.epoch,
        "seq": journal.head_seq,
        "incarnation": journal.incarnation,
        "H": journal.H,
        "time": 5,
    }
    try:
        return journal.acknowledge(ack)
    except AcknowledgementRefused as refused:
        return refused.why


def _state(journal):
    values = journal.counters.values
    return (
        journal.device,
        journal.epoch,
        journal.head_seq,
        journal.first_kept_seq,
        journal.acked_seq,
        journal.incarnation,
        journal.H,
        journal.torn,
        journal.free_slots(),
        journal.open_intents,
        values["lease_taps"],
        values["lease_cents"],
        values["floor"],
    )


def packages_of(setup):
    """Return what mounts two slots of a package and reads a card's entry in the newest."""
    flash = MemoryFlash(2 * SLOT_BLOCKS)

    def read(case):
        flash.restore(image_of(case, 2 * SLOT_BLOCKS))
        slots = PackageSlots(flash, 0, SLOT_BLOCKS, HOTLIST)
        slots.mount(KEY)
        found = [slots.floor(), slots.spare_place(100)]
        for package in slots.packages:
            found.append((package.version, package.size, package.in_force(100)))
        newest = slots.active(100)
        if newest is not None:
            listed = HotlistFile(newest.read, KIND_BASE)
            found.append(listed.find(UIDS[0]))
        return found

    return read


READERS = {
    "journal": (journal_of, (JournalDamaged, RangeError)),
    "packages": (packages_of, (LayoutError,)),
}
