"""Every entry table by type, for whoever reads the journals of all devices. Never on a board."""

from card_layouts.errors import LayoutError
from card_layouts.records import entries, entries_device, entries_service, entries_tap

LAYOUTS = {
    (entries.INTENT, 1): entries_tap.INTENT,
    (entries.OUTCOME, 1): entries_tap.OUTCOME,
    (entries.OBS, 1): entries_tap.OBS,
    (entries.CASH_SALE, 1): entries_service.CASH_SALE,
    (entries.SHIFT, 1): entries_device.SHIFT,
    (entries.ACTION, 1): entries_service.ACTION,
    (entries.BLOCK, 1): entries_tap.BLOCK,
    (entries.ACCESS, 1): entries_service.ACCESS,
    (entries.REFUSAL, 1): entries_tap.REFUSAL,
    (entries.INSPECTION, 1): entries_service.INSPECTION,
    (entries.CONFIG, 1): entries_device.CONFIG,
    (entries.TAMPER, 1): entries_device.TAMPER,
    (entries.BOOT, 1): entries_device.BOOT,
    (entries.TICKET, 1): entries_service.TICKET,
    (entries.BARCODE, 1): entries_service.BARCODE,
}


def layout_of(entry_type, layout=1):
    """Return the table of a payload. Raises: LayoutError if no such (type, layout) exists."""
    found = LAYOUTS.get((entry_type, layout))
    if found is None:
        raise LayoutError("entry: type %d layout %d is not known" % (entry_type, layout))
    return found
