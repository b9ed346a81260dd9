"""What of a card each format of simulator/dump_writers.py carries."""

from dataclasses import replace

from edge_agent.counter.card_contents import VALUE, CardApplication, CardFile, DesfireCard
from edge_agent.counter.import_flipper import NO_FILES
from simulator.dump_writers import (
    b64,
    farebot_json,
    flipper,
    metrodroid_json,
    new_xml,
    old_xml,
    read_bytes,
    settings_bytes,
)

__all__ = (
    "b64",
    "farebot_json",
    "flipper",
    "kept",
    "metrodroid_json",
    "new_xml",
    "old_xml",
    "read_bytes",
    "settings_bytes",
)


def kept(card, writer):
    """Return the card as far as the writer's format carries it."""
    facts = DesfireCard(card.uid, card.version)
    if writer is flipper:
        facts = replace(
            facts,
            ats=card.ats,
            settings=card.settings,
            key_kind=card.key_kind,
            key_version=card.key_version,
        )
    apps = tuple(_kept_application(app, writer) for app in card.applications)
    return replace(facts, applications=apps)


def _kept_application(app, writer):
    files = tuple(_kept_file(file, writer) for file in app.files)
    if writer is not flipper:
        return CardApplication(app.aid, files=files)
    unread = "" if files else NO_FILES
    return CardApplication(
        app.aid,
        app.settings,
        app.key_kind,
        app.key_versions,
        app.iso_files,
        files=files,
        unread=unread,
    )


def _kept_file(file: CardFile, writer):
    file = replace(file, iso_fid=None)
    if file.kind == VALUE and writer in (flipper, old_xml):
        return replace(file, free_get=None)
    if file.kind == VALUE:
        return replace(file, free_get=file.free_get or None)
    return file
