"""After green, while the card stays: read its older records and keep what is news.

A card is a courier (P2): it carries records of devices whose journals were lost. The tap itself
reads one record; the other nine are read only where the snapshot names lost devices, or at
counters. A tear here costs nothing. Kept are records of a lost device and records that do not
follow one another; nine would cost five slots. Source: decisions.md D6; SPEC.md OBS.
"""

from card_layouts.cards.card_layout import FILE_G, G_BYTES, G
from card_layouts.cards.transit_app import RECORDS_SEEN
from card_layouts.records.entries import OBS as OBS_TYPE
from card_layouts.records.entries_tap import OBS, SOURCE_HARVEST

NO_RECORD = bytes(G_BYTES)


def harvest(session, seen, lost, journal):
    """Read what stands behind the newest record; journal the news. Return how many records.

    Shape: a conversation in the session of the tap, after its commit; `lost` holds
    (device, epoch) pairs. One exchange for each 59 bytes of records.
    """
    count = min(seen.n + 1, RECORDS_SEEN - 1)
    data = yield from session.read_records(FILE_G, 1, count, G_BYTES)
    records = [bytes(data[at : at + G_BYTES]) for at in range(0, len(data), G_BYTES)]
    found = news(records, lost)
    for i in range(0, len(found), 2):
        if not journal.admits_tap():
            return i
        journal.append(OBS_TYPE, observation(seen.uid, found[i : i + 2]))
    return len(found)


def news(records, lost):
    """Return the records worth a slot, oldest first, of `records` in the order of the card."""
    found = []
    before = None
    for record in records:
        n = G.get(record, "n")
        unlinked = before is not None and n != before + 1
        if unlinked or (G.get(record, "device"), G.get(record, "epoch")) in lost:
            found.append(record)
        before = n
    return found


def observation(uid, pair):
    """Return the OBS of one record, or of two of which the second is the newer."""
    newer = pair[-1]
    values = {"uid": uid, "newer": newer, "count": len(pair), "source": SOURCE_HARVEST}
    values["older"] = pair[0] if len(pair) == 2 else NO_RECORD
    if len(pair) == 2:
        values["linked"] = 1 if G.get(newer, "n") == G.get(pair[0], "n") + 1 else 0
    return OBS.pack(values)
