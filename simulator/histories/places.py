"""Who there is, by number and by name, and where what lies on the flash of a board.

Small on purpose: a journal of four blocks fills within a day and is reused within a history.
"""

from card_layouts.packages.manifest import ACTIONS, HOTLIST, LEASE, OVERLAY, TARIFF

CARDS_MAX, TICKETS_MAX, GATES_MAX, EDGES_MAX = 12, 2, 6, 3
DESK = 1  # the device number of the counter where cards are loaded
FIRST_GATE = 11
GATE_BLOCKS = 4
DESK_BLOCKS = 64  # as the issuing office has it
# role, first block, blocks of one slot
PACKAGES = (
    (TARIFF, 12, 4),
    (HOTLIST, 20, 2),
    (OVERLAY, 24, 2),
    (LEASE, 28, 1),
    (ACTIONS, 34, 2),
)
CODES_FIRST, CODES_BLOCKS = 30, 4  # single tickets accepted here
GATE_FLASH_BLOCKS = 38
LEDGER, BROKER, PEOPLE = "ledger", "broker", "people"


def gate_device(number: int) -> int:
    """Return the device number of gate `number`, from 0."""
    return FIRST_GATE + number


def gate_number(device: int) -> int:
    """Return the other way round."""
    return device - FIRST_GATE


def journal_blocks(device: int) -> int:
    """Return how many blocks the board's journal has, from block 0 on."""
    return DESK_BLOCKS if device == DESK else GATE_BLOCKS


def flash_blocks(device: int) -> int:
    """Return how many blocks of flash the board has."""
    return DESK_BLOCKS if device == DESK else GATE_FLASH_BLOCKS


def edge_name(number: int) -> str:
    """Return the name of a depot's edge."""
    return f"depot-{number + 1}"


def card_name(number: int) -> str:
    """Return what a trace calls a card, from 0."""
    return f"card {number + 1}"


def device_name(device: int) -> str:
    """Return what a trace calls a device."""
    return "desk" if device == DESK else f"gate {gate_number(device) + 1}"
