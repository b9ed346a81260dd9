"""FareBot and Metrodroid exports in JSON.

Both carry applications, GetFileSettings and contents of files; neither keys nor key settings.
FareBot: {"cards": [{"cardType", "tagId", "manufacturingData": {"data"}, "applications": [{"appId",
"files": [{"fileId", "fileSettings": {"data"}, "fileData", "error"}]}]}]}, bytes in Base64.
Metrodroid: {"tagId", "scannedAt", "mifareDesfire": {"manufacturingData", "applications": {id:
{"files": {number: {"settings", "data", "error", "isUnauthorized"}}}}}}, bytes in hex.
Application ids are decimal, the first byte sent most significant.
"""

from collections.abc import Callable, Iterator

from edge_agent.counter.card_contents import (
    ULTRALIGHT_C_PAGES,
    VERSION_BYTES,
    Card,
    CardApplication,
    CardFile,
    CardImageError,
    DesfireCard,
    UltralightCard,
)
from edge_agent.counter.card_tree import Node
from edge_agent.counter.import_file_settings import (
    DAMAGED,
    file_of,
    file_without_settings,
    settings_of,
)

AID_MAX = 0xFFFFFF
PAGES_MAX = 512
FILE_MAX = 31
ULTRALIGHT_C_MODEL = "MF0ICU2"


def is_metrodroid(tree: Node) -> bool:
    """Return whether a tree has the shape of a Metrodroid export."""
    names = ("mifareDesfire", "mifareUltralight", "mifareClassic", "felica", "iso7816", "vicinity")
    return isinstance(tree.value, dict) and any(name in tree.value for name in names)


def metrodroid_card(tree: Node) -> Card:
    """Return the card of a Metrodroid export. Raises: CardImageError naming the entry."""
    uid = tree.get("tagId").hex(4, 7, 10)
    if tree.has("mifareDesfire"):
        card = tree.get("mifareDesfire")
        data = card.get("manufacturingData").hex(VERSION_BYTES)
        apps = [
            _metrodroid_application(node.number(0, AID_MAX), entry)
            for node, entry in _numbered(card.get("applications"))
        ]
        notes: tuple[str, ...] = ()
        if card.has("appListLocked") and card.get("appListLocked").boolean():
            notes = ("the card did not list its applications: there may be more",)
        return desfire_card(uid, data, apps, notes)
    if tree.has("mifareUltralight"):
        card = tree.get("mifareUltralight")
        pages = [_metrodroid_page(page) for page in card.get("pages").items()]
        model = card.get("cardModel").text() if card.has("cardModel") else ""
        return ultralight_card(uid, pages, model, tree.place)
    raise CardImageError(f"{tree.place}: neither DESFire nor Ultralight; this reads only those")


def _numbered(tree: Node) -> Iterator[tuple[Node, Node]]:
    for name, entry in tree.entries():
        yield tree.child(name, name), entry


def _metrodroid_application(number: int, tree: Node) -> CardApplication:
    files = []
    for node, entry in _numbered(tree.get("files")):
        raw = entry.get("settings").hex() if entry.has("settings") else None
        data = entry.get("data").hex() if entry.has("data") else None
        reason = entry.get("error").text() if entry.has("error") else ""
        if entry.has("isUnauthorized") and entry.get("isUnauthorized").boolean():
            data, reason = None, reason or "the card did not let it be read"
        files.append(dump_file(node.number(0, FILE_MAX), raw, data, reason, entry.place))
    locked = tree.has("dirListLocked") and tree.get("dirListLocked").boolean()
    return dump_application(number, files, "the card did not list its files" if locked else "")


def _metrodroid_page(tree: Node) -> bytes | None:
    if tree.has("isUnauthorized") and tree.get("isUnauthorized").boolean():
        return None
    return tree.get("data").hex(4)


def farebot_cards(tree: Node, wanted: str) -> list[Callable[[], Card]]:
    """Return the cards of a FareBot export, each read when called."""
    nodes = [tree]
    if isinstance(tree.value, list):
        nodes = list(tree.items())
    elif tree.has("cards"):
        nodes = list(tree.get("cards").items())
    elif not tree.has("cardType"):
        raise CardImageError(f"{tree.place}: JSON of no known shape; {wanted}")
    return [_later(node) for node in nodes]


def _later(node: Node) -> Callable[[], Card]:
    return lambda: metrodroid_card(node) if is_metrodroid(node) else _farebot_card(node)


def _farebot_card(tree: Node) -> Card:
    kind = tree.get("cardType").text()
    if kind == "MifareDesfire":
        data = tree.get("manufacturingData").get("data").base64(VERSION_BYTES)
        apps = [_farebot_application(node) for node in tree.get("applications").items()]
        return desfire_card(_tag_id(tree), data, apps)
    if kind == "MifareUltralight":
        found: dict[int, bytes] = {}
        for page in tree.get("pages").items():
            found[page.get("index").integer(0, PAGES_MAX)] = page.get("data").base64(4)
        pages = [found.get(number) for number in range(max(found, default=-1) + 1)]
        return ultralight_card(_tag_id(tree), pages, "", tree.place)
    raise tree.get("cardType").wrong("MifareDesfire or MifareUltralight", "this reads only those")


def _tag_id(tree: Node) -> bytes:
    node = tree.get("tagId")
    # 7 bytes are 12 characters of Base64 and 14 of hex; some versions wrote hex.
    if isinstance(node.value, str) and len(node.value) == 14:
        return node.hex(7)
    return node.base64(4, 7, 10)


def _farebot_application(tree: Node) -> CardApplication:
    files = []
    for entry in tree.get("files").items():
        raw = None
        if entry.has("fileSettings"):
            raw = entry.get("fileSettings").get("data").base64()
        data = entry.get("fileData").base64() if entry.has("fileData") else None
        reason = ""
        if entry.has("error"):
            error = entry.get("error")
            data, reason = None, "the card did not let it be read"
            if error.has("message"):
                reason = error.get("message").text() or reason
        number = entry.get("fileId").integer(0, FILE_MAX)
        files.append(dump_file(number, raw, data, reason, entry.place))
    return dump_application(tree.get("appId").integer(0, AID_MAX), files)


def dump_file(
    number: int, raw: bytes | None, data: bytes | None, reason: str, where: str
) -> CardFile:
    """Return a file from its raw settings and contents. Raises: CardImageError."""
    if raw is None:
        return file_without_settings(number, data, reason)
    return file_of(number, settings_of(raw, where), data, reason, where)


def dump_application(number: int, files: list[CardFile], unread: str = "") -> CardApplication:
    """Return the application with this number, first byte sent most significant."""
    aid = number.to_bytes(3, "big")
    return CardApplication(
        aid, files=tuple(sorted(files, key=lambda file: file.number)), unread=unread
    )


def desfire_card(
    uid: bytes, version: bytes, apps: list[CardApplication], notes: tuple[str, ...] = ()
) -> DesfireCard:
    """Return a DESFire card of a dump."""
    ordered = tuple(sorted(apps, key=lambda app: app.aid))
    return DesfireCard(uid, version, applications=ordered, notes=notes)


def ultralight_card(
    uid: bytes, pages: list[bytes | None], model: str, where: str
) -> UltralightCard:
    """Return an Ultralight of a dump. An Ultralight C shows 44 pages: the key's never."""
    if len(pages) > PAGES_MAX:
        raise CardImageError(f"{where}: {len(pages)} pages, wanted at most {PAGES_MAX}; {DAMAGED}")
    if model == ULTRALIGHT_C_MODEL or (not model and len(pages) in (44, ULTRALIGHT_C_PAGES)):
        pages = pages[: ULTRALIGHT_C_PAGES - 4]
        pages += [None] * (ULTRALIGHT_C_PAGES - len(pages))
        model = "Ultralight C"
    return UltralightCard(uid, tuple(pages), model)
