"""A DESFire card of anybody: identity, applications, files, rights and contents, always all.

What is shown needs no knowledge of the owner's layout. Our own application gets its fields from
explain_transit.
"""

from edge_agent.counter.card_contents import (
    CYCLIC,
    DATA_KINDS,
    KINDS,
    RECORD_KINDS,
    VALUE,
    CardApplication,
    CardFile,
    DesfireCard,
)
from edge_agent.counter.explain_page import OPEN, Section, printable
from edge_agent.counter.explain_words import (
    COMM_WORDS,
    KIND_WORDS,
    NOT_KNOWN,
    application_settings_words,
    card_settings_words,
    contents_words,
    hint_of,
    number_of,
    rights_words,
)

CHIPS = {0: "EV0", 1: "EV1", 0x12: "EV2", 0x33: "EV3"}  # hardware major version of GetVersion


def explain_desfire_card(card: DesfireCard) -> Section:
    """Return the section about the card as a whole."""
    section = Section("Card", "GetVersion, GetKeySettings at card level")
    if card.uid is None:
        section.add("uid", "", "not known: the card answers a random one")
    else:
        maker = "NXP" if card.uid[:1] == b"\x04" else "maker not known"
        section.add("uid", card.uid.hex(), f"{len(card.uid)} bytes, {maker}")
    if card.version is not None:
        _version_rows(section, card.version)
    if card.storage_bytes is not None:
        section.add("storage", "", f"{card.storage_bytes} bytes")
    if card.free_bytes is not None:
        section.add("free memory", "", f"{card.free_bytes} bytes")
    if card.ats is not None:
        section.add("ats", card.ats.hex(), "answer to select, with its length byte")
    _settings_rows(section, card)
    count = len(card.applications)
    section.add("applications", "", ", ".join(_named(app) for app in card.applications) or "none")
    for note in card.notes:
        section.remark(OPEN, note)
    if count > 28:
        section.remark(OPEN, f"{count} applications: an EV1 holds at most 28")
    return section


def _version_rows(section: Section, version: bytes) -> None:
    hardware, software, made = version[:7], version[7:14], version[21:]
    chip = CHIPS.get(hardware[3], f"generation {hardware[3]:02x}")
    kind = f"DESFire {chip}" if hardware[1] == 1 else f"type {hardware[1]:02x}, no DESFire"
    size = 1 << (hardware[5] >> 1)
    about = "" if hardware[5] % 2 == 0 else "more than "
    section.add("hardware", hardware.hex(), f"{kind}, {about}{size} bytes of storage")
    section.add("software", software.hex(), f"version {software[3]}.{software[4]}")
    section.add("batch", made[:5].hex(), "production batch")
    section.add("produced", made[5:].hex(), f"week {made[5]:02x} of 20{made[6]:02x}")


def _settings_rows(section: Section, card: DesfireCard) -> None:
    if card.settings is None:
        section.add("card settings", "", NOT_KNOWN)
    else:
        words = "; ".join(card_settings_words(card.settings))
        section.add("card settings", f"{card.settings:02x}", words)
    if card.key_kind is not None or card.key_version is not None:
        version = NOT_KNOWN if card.key_version is None else str(card.key_version)
        text = f"{card.key_kind or 'kind not known'}, version {version}"
        section.add("card master key", _hex(card.key_version), text)
    if card.no_format is not None:
        section.add("formatting", "", "off for ever" if card.no_format else "with the master key")
    if card.random_uid is not None:
        section.add("random uid", "", "yes" if card.random_uid else "no")


def explain_application(app: CardApplication, title: str = "") -> Section:
    """Return the section about one application, its files left out."""
    section = Section(title or f"Application {_named(app)}", "GetKeySettings, GetKeyVersion")
    section.add("id", app.aid.hex(" "), f"as sent; the number {number_of(app.aid):06X}")
    if app.settings is None:
        section.add("settings", "", NOT_KNOWN)
    else:
        words = "; ".join(application_settings_words(app.settings))
        section.add("settings", f"{app.settings:02x}", words)
    if app.key_versions is None:
        section.add("keys", "", app.key_kind or NOT_KNOWN)
    else:
        count = len(app.key_versions)
        kind = app.key_kind or "kind not known"
        section.add("keys", f"{count:02x}", f"{count} keys, {kind}")
        if count:
            text = f"of keys 0..{count - 1}" if count > 1 else "of key 0"
            section.add("key versions", bytes(app.key_versions).hex(" "), text)
    if app.iso_files is not None:
        section.add("iso files", "", "files have ISO ids" if app.iso_files else "none")
    if app.iso_fid is not None:
        section.add("iso file id", f"{app.iso_fid:04x}", "of the application")
    if app.df_name:
        section.add("iso name", app.df_name.hex(), f'"{printable(app.df_name)}"')
    files = ", ".join(str(file.number) for file in app.files)
    section.add("files", "", files or ("none" if not app.unread else NOT_KNOWN))
    hint = hint_of(app.aid)
    if hint and not title:
        section.remark(OPEN, hint)
    if app.unread:
        section.remark(OPEN, app.unread)
    return section


def explain_file(file: CardFile, title: str = "") -> list[Section]:
    """Return the sections of one file: what it is, and every byte, value or record in it."""
    section = Section(title or f"File {file.number}: {contents_words(file)}", level=2)
    file_rows(section, file)
    sections = [section]
    if file.kind in RECORD_KINDS and file.records is not None:
        for age, record in enumerate(file.records):
            newest = ", newest" if age == len(file.records) - 1 else ""
            name = f"Record {age + 1} of {len(file.records)}{newest}"
            sections.append(Section(name, level=3, data=record))
    elif file.data is not None:
        section.data = file.data
    return sections


def file_rows(section: Section, file: CardFile) -> None:
    """Add type, mode, rights, sizes and limits of a file; the value of a value file too."""
    code = f"{KINDS.index(file.kind):02x}" if file.kind in KINDS else ""
    section.add("type", code, KIND_WORDS[file.kind])
    if file.comm is not None:
        section.add("communication", f"{file.comm:02x}", COMM_WORDS[file.comm & 3])
    if file.rights is not None:
        section.add("access rights", f"{file.rights:04x}", rights_words(file.rights))
    if file.comm is None and file.rights is None:
        section.add("settings", "", NOT_KNOWN)
    if file.iso_fid is not None:
        section.add("iso file id", f"{file.iso_fid:04x}", "of the file")
    if file.kind == VALUE:
        _value_rows(section, file)
    elif file.size_bytes is not None:
        of = "a record" if file.kind in RECORD_KINDS else "the file"
        section.add("size", f"{file.size_bytes:06x}", f"{file.size_bytes} bytes, {of}")
    if file.kind in RECORD_KINDS:
        _record_rows(section, file)
    if file.unread:
        section.remark(OPEN, f"contents not known: {file.unread}")
    elif file.data is None and file.kind in DATA_KINDS:
        section.remark(OPEN, "contents not known")


def _record_rows(section: Section, file: CardFile) -> None:
    there = NOT_KNOWN if file.records is None else str(len(file.records))
    section.add("records", "", there if not file.records else f"{there}, oldest first")
    if file.records_max is not None:
        scratch = ", one of them scratch" if file.kind == CYCLIC else ""
        section.add("created for", f"{file.records_max:06x}", f"{file.records_max}{scratch}")


def _value_rows(section: Section, file: CardFile) -> None:
    limits = (("lower limit", file.lower), ("upper limit", file.upper), ("value", file.value))
    for name, number in limits:
        section.add(name, _hex32(number), NOT_KNOWN if number is None else str(number))
    if file.limited_credit is not None:
        on = {True: "on", False: "off", None: "not known whether on"}[file.limited_enabled]
        text = f"{file.limited_credit}; limited credit is {on}"
        section.add("limited credit", _hex32(file.limited_credit), text)
    if file.free_get is not None:
        words = "anybody" if file.free_get else "by the access rights"
        section.add("reading the value", "", words)


def _hex(value: int | None) -> str:
    return "" if value is None else f"{value:02x}"


def _hex32(value: int | None) -> str:
    return "" if value is None else f"{value & 0xFFFFFFFF:08x}"


def _named(app: CardApplication) -> str:
    return f"{number_of(app.aid):06X}"
