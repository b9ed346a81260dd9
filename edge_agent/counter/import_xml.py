"""FareBot and Metrodroid exports in XML, old and new.

<card type="2" id="hex" scanned_at="ms">, or several in <cards>. Applications and files stand there
directly or inside <applications> and <files>; settings are elements (filetype, accessrights, ...)
or the raw answer in Base64; contents are Base64. Type 1 is an Ultralight, 2 a DESFire.
A document type is refused unread: no card needs one, and entities in it can grow without end.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from xml.parsers import expat

from edge_agent.counter.card_contents import (
    KINDS,
    RECORD_KINDS,
    VALUE,
    VERSION_BYTES,
    Card,
    CardApplication,
    CardFile,
    CardImageError,
)
from edge_agent.counter.import_file_settings import DAMAGED, SETTINGS_BYTES
from edge_agent.counter.import_json import (
    AID_MAX,
    FILE_MAX,
    PAGES_MAX,
    desfire_card,
    dump_application,
    dump_file,
    ultralight_card,
)

DEPTH_MAX = 12
ULTRALIGHT, DESFIRE = "1", "2"
# Elements of <manufacturing-data>, in the order of GetVersion's bytes.
VERSION_FIELDS = tuple(
    f"{part}-{field}"
    for part in ("hw", "sw")
    for field in (
        "vendor-id",
        "type",
        "sub-type",
        "major-version",
        "minor-version",
        "storage-size",
        "protocol",
    )
)


class Element:
    """One XML element: name, attributes, text, children, the file and line it starts on."""

    __slots__ = ("attributes", "children", "line", "name", "text", "where")

    def __init__(self, name: str, attributes: dict[str, str], where: str, line: int) -> None:
        self.name = name
        self.attributes = attributes
        self.where, self.line = where, line
        self.text = ""
        self.children: list[Element] = []

    @property
    def place(self) -> str:
        """Where it stands, for an error."""
        return f"{self.where}: line {self.line}"

    def wrong(self, message: str) -> CardImageError:
        """Return an error about this element."""
        return CardImageError(f"{self.place}: <{self.name}>: {message}; {DAMAGED}")

    def child(self, name: str) -> "Element | None":
        """Return the first child of this name."""
        return next((child for child in self.children if child.name == name), None)

    def need(self, name: str) -> "Element":
        """Return the child of this name. Raises: CardImageError."""
        found = self.child(name)
        if found is None:
            raise self.wrong(f"no <{name}> inside")
        return found

    def below(self, name: str, wrapper: str) -> Iterator["Element"]:
        """Yield the children of this name, here or inside a wrapper."""
        for child in self.children:
            if child.name == name:
                yield child
            elif child.name == wrapper:
                yield from (inner for inner in child.children if inner.name == name)

    def attribute(self, name: str) -> str:
        """Return an attribute. Raises: CardImageError."""
        if name not in self.attributes:
            raise self.wrong(f"no attribute {name}")
        return self.attributes[name]

    def number(self, text: str, low: int, high: int) -> int:
        """Return decimal text as a number within low..high."""
        text = text.strip()
        if not re.fullmatch(r"-?[0-9]{1,20}", text) or not low <= int(text) <= high:
            raise self.wrong(f"found {text[:30]!r}, wanted {low}..{high}")
        return int(text)

    def base64(self, *sizes: int) -> bytes:
        """Return the text as bytes, of one of `sizes` if any are given."""
        try:
            found = base64.b64decode("".join(self.text.split()), validate=True)
        except (binascii.Error, ValueError):
            raise self.wrong(f"found {self.text.strip()[:30]!r}, wanted Base64") from None
        if sizes and len(found) not in sizes:
            raise self.wrong(f"{len(found)} bytes, wanted {' or '.join(map(str, sizes))}")
        return found


def xml_cards(data: bytes, where: str) -> list[Callable[[], Card]]:
    """Return the cards of an export, each read when called. Raises: CardImageError."""
    root = parse_xml(data, where)
    if root.name == "card":
        return [lambda: _card(root)]
    if root.name != "cards":
        raise root.wrong("wanted <card> or <cards>")
    return [_later(child) for child in root.children if child.name == "card"]


def _later(element: Element) -> Callable[[], Card]:
    return lambda: _card(element)


def parse_xml(data: bytes, where: str) -> Element:
    """Return the root element. Raises: CardImageError with line and column."""
    stack: list[Element] = []
    roots: list[Element] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        element = Element(name[:40], attributes, where, parser.CurrentLineNumber)
        if len(stack) >= DEPTH_MAX:
            raise element.wrong(f"nested more than {DEPTH_MAX} deep")
        (stack[-1].children if stack else roots).append(element)
        stack.append(element)

    def text(part: str) -> None:
        stack[-1].text += part

    def refuse(name: str, *_more: object) -> None:
        raise CardImageError(
            f"{where}: line {parser.CurrentLineNumber}: a document type ({name[:20]}) has no place"
            " in a card dump; remove the DOCTYPE"
        )

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _name: stack.pop() and None
    parser.CharacterDataHandler = text
    parser.buffer_text = True
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        at = f"line {error.lineno}, column {error.offset + 1}"
        message = expat.ErrorString(error.code)
        raise CardImageError(f"{where}: {at}: {message}; wanted XML: {DAMAGED}") from None
    except (LookupError, ValueError) as error:
        raise CardImageError(f"{where}: no XML ({error}); {DAMAGED}") from None
    return roots[0]


def _card(card: Element) -> Card:
    uid_text = card.attribute("id")
    if not re.fullmatch(r"([0-9A-Fa-f]{2}){4,10}", uid_text):
        raise card.wrong(f"id {uid_text[:30]!r}, wanted a UID in hex")
    uid, kind = bytes.fromhex(uid_text), card.attribute("type")
    if kind == DESFIRE:
        apps = [_application(app) for app in card.below("application", "applications")]
        return desfire_card(uid, _version(card.need("manufacturing-data"), uid), apps)
    if kind == ULTRALIGHT:
        return ultralight_card(uid, _pages(card), _model(card), card.place)
    raise card.wrong(f"type {kind[:10]}: this reads 1 (Ultralight) and 2 (DESFire) only")


def _model(card: Element) -> str:
    model = card.child("cardModel")
    return card.attributes.get("cardModel", "") if model is None else model.text.strip()


def _pages(card: Element) -> list[bytes | None]:
    found: dict[int, bytes | None] = {}
    for page in card.below("page", "pages"):
        number = page.number(page.attribute("index"), 0, PAGES_MAX)
        data = page.child("data") or page
        locked = page.attributes.get("unauthorized") == "true"
        found[number] = None if locked else data.base64(4)
    return [found.get(number) for number in range(max(found, default=-1) + 1)]


def _version(element: Element, uid: bytes) -> bytes:
    if not element.children:
        return element.base64(VERSION_BYTES)
    raw = element.child("raw")
    if raw is not None:
        return raw.base64(VERSION_BYTES)
    chip = bytes(_field(element, name, 0, 255) for name in VERSION_FIELDS)
    batch = _field(element, "batch-no", -(1 << 63), (1 << 64) - 1) & (1 << 40) - 1
    made = bytes(_field(element, name, -128, 255) & 255 for name in ("week-prod", "year-prod"))
    return chip + uid[:7].ljust(7, b"\0") + batch.to_bytes(5, "big") + made


def _field(element: Element, name: str, low: int, high: int) -> int:
    """Return a number given as a child element or as an attribute."""
    child = element.child(name)
    if child is not None:
        return child.number(child.text, low, high)
    return element.number(element.attribute(name), low, high)


def _application(app: Element) -> CardApplication:
    number = app.number(app.attribute("id"), 0, AID_MAX)
    return dump_application(number, [_file(file) for file in app.below("file", "files")])


def _file(file: Element) -> CardFile:
    number = file.number(file.attribute("id"), 0, FILE_MAX)
    settings, data, error = file.child("settings"), file.child("data"), file.child("error")
    raw = None if settings is None else _settings(settings)
    contents = data.base64() if data is not None and error is None else None
    reason = "" if error is None else error.text.strip() or "the card did not let it be read"
    if file.attributes.get("unauthorized") == "true":
        contents, reason = None, reason or "the card did not let it be read"
    found = dump_file(number, raw, contents, reason, file.place)
    if settings is not None and settings.children:
        return replace(found, free_get=None)  # the old form has no room for it
    return found


def _settings(element: Element) -> bytes:
    """Return the settings as GetFileSettings answers them."""
    if not element.children and not element.attributes:
        return element.base64(*sorted(set(SETTINGS_BYTES.values())))
    code = _field(element, "filetype", 0, len(KINDS) - 1)
    rights = element.need("accessrights")
    if not re.fullmatch(r"[0-9A-Fa-f]{4}", rights.text.strip()):
        raise rights.wrong(f"found {rights.text.strip()[:20]!r}, wanted two bytes in hex")
    comm = element.child("commsettings")
    # Exports before 2014 did not have it under this name.
    mode = 0 if comm is None else comm.number(comm.text, 0, 255)
    head = bytes((code, mode)) + bytes.fromhex(rights.text.strip())
    kind = KINDS[code]
    if kind == VALUE:
        low, high = -(1 << 31), (1 << 32) - 1
        numbers = [_field(element, name, low, high) for name in ("min", "max", "limitcredit")]
        body = b"".join((number & 0xFFFFFFFF).to_bytes(4, "little") for number in numbers)
        return head + body + bytes((element.need("limitcreditenabled").text.strip() == "true",))
    names = ("recordsize", "maxrecords", "currecords") if kind in RECORD_KINDS else ("filesize",)
    return head + b"".join(
        _field(element, name, 0, AID_MAX).to_bytes(3, "little") for name in names
    )
