"""NOR rules, torn operations, write-through."""

import pytest

from simulator.flash import (
    BLOCK_BYTES,
    DEAD,
    FAINT_BITS,
    FEW,
    LOST,
    NEARLY_BITS,
    NO_ERASE,
    NO_PROGRAM,
    RANDOM_BITS,
    STUCK,
    UNSTABLE_BITS,
    WORN,
    Flash,
    FlashCut,
    FlashFault,
    FlashPowerLost,
)

pytestmark = pytest.mark.requirement("D13")


def content(flash, offset, length):
    buf = bytearray(length)
    flash.read(offset, buf)
    return bytes(buf)


def test_a_new_part_is_all_ones():
    assert content(Flash(BLOCK_BYTES), 0, BLOCK_BYTES) == b"\xff" * BLOCK_BYTES


def test_program_clears_bits_and_refuses_to_set_one():
    flash = Flash(BLOCK_BYTES)
    flash.program(10, b"\xf0\x0f")
    flash.program(10, b"\x70\x0f")
    with pytest.raises(AssertionError, match="flash program at 11: holds 0f, 10 would set a bit"):
        flash.program(10, b"\x70\x10")
    assert content(flash, 10, 2) == b"\x70\x0f"
    assert (flash.programs, flash.bytes_programmed) == (2, 4)


def test_a_program_stays_inside_one_page():
    with pytest.raises(AssertionError, match="two pages"):
        Flash(BLOCK_BYTES).program(250, bytes(7))


def test_erase_sets_one_block_and_counts_its_wear():
    flash = Flash(2 * BLOCK_BYTES)
    flash.program(0, b"\x00")
    flash.program(BLOCK_BYTES, b"\x00")
    flash.erase(BLOCK_BYTES)
    assert content(flash, BLOCK_BYTES, 1) == b"\xff"
    assert content(flash, 0, 1) == b"\x00"
    assert (flash.erases, flash.wear) == (1, [0, 1])


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_cut_program_leaves_a_prefix(quarters):
    flash = Flash(BLOCK_BYTES)
    flash.cut_at(FlashCut(1, quarters))
    flash.program(0, b"\x11")
    with pytest.raises(FlashPowerLost) as lost:
        flash.program(4, bytes(8))
    assert lost.value.operation == 1
    assert content(flash, 4, 8) == bytes(2 * quarters) + b"\xff" * (8 - 2 * quarters)
    flash.program(4, bytes(8))  # the part works again at the next power-up


def test_a_program_cut_at_random_bits_only_clears_wanted_bits():
    flash = Flash(BLOCK_BYTES)
    flash.cut_at(FlashCut(0, RANDOM_BITS, seed=3))
    with pytest.raises(FlashPowerLost):
        flash.program(0, b"\x0f" * 64)
    torn = content(flash, 0, 64)
    assert all(byte & 0x0F == 0x0F for byte in torn), "a bit nobody asked for was cleared"
    assert torn not in (b"\xff" * 64, b"\x0f" * 64)


@pytest.mark.parametrize("quarters", [0, 2, RANDOM_BITS])
def test_a_cut_erase_leaves_a_mix(quarters):
    flash = Flash(BLOCK_BYTES)
    for page in range(0, BLOCK_BYTES, 256):
        flash.program(page, bytes(256))
    flash.restart_count()
    flash.cut_at(FlashCut(0, quarters))
    with pytest.raises(FlashPowerLost):
        flash.erase(0)
    ones = content(flash, 0, BLOCK_BYTES).count(0xFF)
    assert ones == {0: 0, 2: 2048}.get(quarters, ones) and ones < BLOCK_BYTES
    assert flash.wear == [1]


def test_a_file_backed_part_keeps_its_content(tmp_path):
    path = tmp_path / "flash.bin"
    flash = Flash(BLOCK_BYTES, path)
    flash.program(100, b"\x12\x34")
    assert path.read_bytes()[100:102] == b"\x12\x34", "written through"
    flash.close()
    again = Flash(BLOCK_BYTES, path)
    assert content(again, 100, 2) == b"\x12\x34"
    again.close()


def test_a_file_of_the_wrong_size_is_refused_with_its_name(tmp_path):
    path = tmp_path / "flash.bin"
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(ValueError, match="flash.bin: 100 bytes, wanted 4096"):
        Flash(BLOCK_BYTES, path)


def ones(data):
    return sum(byte.bit_count() for byte in data)


@pytest.mark.parametrize(
    ("mode", "least"), [(UNSTABLE_BITS, 200), (FAINT_BITS, 1), (NEARLY_BITS, 1)]
)
def test_what_a_cut_leaves_unsure_reads_otherwise_each_time_until_it_is_written_again(mode, least):
    flash = Flash(BLOCK_BYTES)
    flash.cut_at(FlashCut(0, mode, seed=3))
    with pytest.raises(FlashPowerLost):
        flash.program(0, bytes(64))
    reads = [content(flash, 0, 64) for _ in range(40)]
    unsure = bytes(max(column) ^ min(column) for column in zip(*reads, strict=True))
    assert len(set(reads)) > 1 and least <= ones(unsure) <= (512 if mode == UNSTABLE_BITS else FEW)
    other = flash.clone()
    assert {content(other, 0, 64) for _ in range(40)} >= set(reads[:9]), (
        "a clone has the same cells"
    )
    blank, whole = b"\xff" * 64 in reads, bytes(64) in reads
    assert (blank, whole) == {UNSTABLE_BITS: (False, False), FAINT_BITS: (True, False)}.get(
        mode, (False, True)
    )
    flash.program(0, bytes(64))
    assert {content(flash, 0, 64) for _ in range(40)} == {bytes(64)}
    other.erase(0)
    assert {content(other, 0, 64) for _ in range(40)} == {b"\xff" * 64}


def test_unsure_bits_that_the_next_program_does_not_clear_stay_unsure():
    flash = Flash(BLOCK_BYTES)
    flash.cut_at(FlashCut(0, UNSTABLE_BITS))
    with pytest.raises(FlashPowerLost):
        flash.program(0, bytes(64))
    flash.program(0, b"\xf0" * 64)
    reads = [content(flash, 0, 64) for _ in range(40)]
    assert len(set(reads)) > 2 and all(byte & 0x0F == 0 for byte in b"".join(reads))


def test_a_lost_operation_reports_done_and_the_next_one_takes():
    flash = Flash(BLOCK_BYTES)
    flash.fault_at(FlashFault(0, LOST), FlashFault(2, LOST))
    flash.program(0, b"\x0f")
    assert content(flash, 0, 1) == b"\xff"
    flash.program(0, b"\x0f")
    flash.erase(0)
    assert content(flash, 0, 1) == b"\x0f" and flash.injected == 2
    flash.program(0, b"\xf0")  # as silicon does: the erase was lost, and nobody is told
    assert content(flash, 0, 1) == b"\x00"
    flash.erase(0)
    assert content(flash, 0, 1) == b"\xff"


def test_a_worn_block_keeps_some_cells_for_good():
    flash = Flash(BLOCK_BYTES)
    flash.fault_at(FlashFault(0, WORN, seed=1))
    flash.program(0, bytes(64))
    assert 1 <= ones(content(flash, 0, 64)) <= STUCK
    flash.erase(0)
    flash.program(0, bytes(64))
    assert 1 <= ones(content(flash, 0, 64)) <= STUCK
    flash.restart_count()
    flash.fault_at(FlashFault(0, WORN, seed=2))
    flash.erase(0)
    assert 1 <= 8 * 64 - ones(content(flash, 0, 64)) <= STUCK
    flash.restore(b"\xff" * BLOCK_BYTES)
    flash.erase(0)
    flash.program(0, bytes(64))
    assert content(flash, 0, 64) == bytes(64), "another part, of the same size"


def test_a_dead_block_can_be_read_and_takes_nothing_more():
    flash = Flash(2 * BLOCK_BYTES)
    flash.program(0, b"\x0f")
    flash.fault_at(FlashFault(1, DEAD))
    flash.erase(0)
    flash.program(1, b"\x00")
    flash.program(BLOCK_BYTES, b"\x00")
    assert content(flash, 0, 2) == b"\x0f\xff" and content(flash, BLOCK_BYTES, 1) == b"\x00"
    other = flash.clone()
    other.erase(0)
    assert content(other, 0, 1) == b"\x0f"


def test_an_earlier_operation_may_not_have_taken_when_a_later_one_has_unless_it_was_read():
    for is_read, left in ((False, b"\xff"), (True, b"\x00")):
        flash = Flash(BLOCK_BYTES * 2)
        flash.reorders = True
        flash.program(0, b"\x00")
        if is_read:
            flash.read(0, bytearray(1))
        flash.cut_at(FlashCut(1, 4, late=(0,)))
        with pytest.raises(FlashPowerLost):
            flash.program(300, b"\x01")
        assert flash.overtaken == {0: [], 1: [] if is_read else [0]}
        assert bytes(flash.image[:1]) == left and flash.image[300] == 1


def test_what_is_written_over_is_done_before():
    flash = Flash(BLOCK_BYTES * 2)
    flash.reorders = True
    flash.erase(0)
    flash.program(0, b"\x00")
    flash.program(BLOCK_BYTES, b"\x00")
    assert flash.overtaken == {0: [], 1: [], 2: [1]}, "the erase is over: its block is programmed"


@pytest.mark.parametrize(("kind", "programs", "erases"), [(NO_PROGRAM, 0, 1), (NO_ERASE, 1, 0)])
def test_a_block_may_take_only_programs_or_only_erases(kind, programs, erases):
    flash = Flash(BLOCK_BYTES * 2)
    flash.program(0, b"\x0f")
    flash.restart_count()
    flash.fault_at(FlashFault(0, kind))
    flash.program(1, b"\x00")
    assert (flash.image[1] == 0) == bool(programs) and flash.injected == 1
    flash.erase(0)
    assert (flash.image[0] == 0xFF) == bool(erases)
    flash.program(BLOCK_BYTES, b"\x00")
    assert flash.image[BLOCK_BYTES] == 0, "the other block is sound"
