"""Read a card image file: what a card holds, as the project's own image formats tell it.

Understands "desfire-ev1-image-1" and "ultralight-c-image-1" (one JSON file a card). An image whose
commit had reached its journal mark reads as the card will after the next power-up: the staged
files count. No keys are needed, none are shown. Facts listed under "unknown" are stand-ins that
`tornello card import` had to write; they read as not known.
"""

from pathlib import Path
from typing import Any, NamedTuple

from card_layouts.cards.card_layout import FILE_C, FILE_G, FILE_V, G
from card_layouts.cards.counter import KILLED_B, counter_b_n
from card_layouts.errors import LayoutError
from edge_agent.counter.card_contents import (
    KINDS,
    RECORD_KINDS,
    SIZE_MAX,
    ULTRALIGHT_C_PAGES,
    VALUE,
    Card,
    CardApplication,
    CardFile,
    CardImageError,
    DesfireCard,
    UltralightCard,
)
from edge_agent.counter.card_tree import Node, parse_json, read_source

__all__ = ("CardImageError", "TransitCard", "image_card", "read_image")

DESFIRE_FORMAT, ULTRALIGHT_FORMAT = "desfire-ev1-image-1", "ultralight-c-image-1"
FORMATS = (DESFIRE_FORMAT, ULTRALIGHT_FORMAT)
OUR_AID_NIBBLE = 0xF0  # the last byte on the wire: 0xF, then the cluster's high bits
STORAGE_CODES = {2048: 0x16, 4096: 0x18, 8192: 0x1A}  # as GetVersion tells the size
KEY_KINDS = ("2K3DES", "3K3DES", "AES")
VALUE_LOW, VALUE_HIGH = -(1 << 31), (1 << 31) - 1


class TransitCard(NamedTuple):
    """One card of ours as an image shows it; cents and counts."""

    name: str
    uid: bytes
    balance_cents: int
    n: int
    b: int
    records: list[dict[str, Any]]  # G, oldest first

    @property
    def killed(self) -> bool:
        return self.b == KILLED_B


def read_image(path: Path) -> TransitCard:
    """Return the transit card in the image file `path`. Raises: CardImageError."""
    card = image_card(parse_json(read_source(path), str(path)))
    if isinstance(card, UltralightCard):
        raise CardImageError(
            f"{path}: found an Ultralight C ticket, wanted a DESFire card; see `card explain`"
        )
    return transit_card(path.name, str(path), card)


def transit_card(name: str, where: str, card: DesfireCard) -> TransitCard:
    """Return our application's money and counters. Raises: CardImageError if there is none."""
    ours = our_application(card)
    if ours is None:
        found = ", ".join(application.aid.hex() for application in card.applications) or "none"
        raise CardImageError(f"{where}: no transit application on this card; found {found}")
    value, counter, log = (ours.file(number) for number in (FILE_V, FILE_C, FILE_G))
    if value is None or value.value is None or counter is None or counter.value is None:
        raise CardImageError(f"{where}: files V and C are missing; see `card explain`")
    if log is None or log.records is None:
        raise CardImageError(f"{where}: file G is missing; see `card explain`")
    try:
        b, n = counter_b_n(counter.value)
        records = [G.unpack(record) for record in log.records]
    except LayoutError as error:
        raise CardImageError(f"{where}: {error}; the image is damaged") from None
    return TransitCard(name, card.uid or b"", value.value, n, b, records)


def our_application(card: DesfireCard) -> CardApplication | None:
    """Return the transit application of a card, the lowest id if there are several."""
    ours = [app for app in card.applications if is_ours(app.aid)]
    return min(ours, key=lambda app: app.aid) if ours else None


def is_ours(aid: bytes) -> bool:
    """Return whether an application id is of the transit scheme's shape (SPEC.md section 2)."""
    return aid[2] & 0xF0 == OUR_AID_NIBBLE


def image_card(tree: Node) -> Card:
    """Return the card in an image's tree. Raises: CardImageError naming the place."""
    if not isinstance(tree.value, dict) or tree.value.get("format") not in FORMATS:
        found = tree.value.get("format") if isinstance(tree.value, dict) else type(tree.value)
        raise CardImageError(
            f"{tree.place}: format {found!r}, wanted {' or '.join(FORMATS)};"
            " `tornello card import` reads dumps of other programs"
        )
    unknown = set()
    if tree.has("unknown"):
        unknown = {node.text() for node in tree.get("unknown").items()}
    if tree.value["format"] == DESFIRE_FORMAT:
        return _Desfire(tree, unknown).card()
    return _ultralight(tree, unknown)


class _Desfire:
    """Reads one DESFire tree; `unknown` holds the paths of stand-ins, as `card/ats`."""

    def __init__(self, tree: Node, unknown: set[str]) -> None:
        self.tree = tree
        self.unknown = unknown

    def _known(self, path: str, value: Any) -> Any:
        return None if path in self.unknown else value

    def card(self) -> DesfireCard:
        card = self.tree.get("card")
        uid = self._known("card/uid", card.get("uid").hex(7))
        storage = self._known("card/storage_bytes", card.get("storage_bytes").integer(1, SIZE_MAX))
        settings = card.get("picc_settings").integer(0, 255)
        key = card.get("picc_key")
        staged = self._staged()
        applications = tuple(
            self._application(aid, node, staged.get(aid, {}))
            for aid, node in sorted(self.tree.get("applications").entries())
        )
        return DesfireCard(
            uid,
            self._known("card/version", self._version(card)),
            storage,
            card.get("free_bytes").integer(0, SIZE_MAX) if card.has("free_bytes") else None,
            settings=self._known("card/picc_settings", settings),
            key_kind=self._known("card/picc_key/kind", key.get("kind").choice(*KEY_KINDS)),
            key_version=self._known("card/picc_key/version", key.get("version").integer(0, 255)),
            ats=self._known("card/ats", card.get("ats").hex()),
            no_format=self._known("card/no_format", card.get("no_format").boolean()),
            random_uid=self._known("card/random_uid", card.get("random_uid").boolean()),
            applications=applications,
            notes=self._notes(),
        )

    def _version(self, card: Node) -> bytes:
        if card.has("version"):
            return card.get("version").hex(28)  # as an import found it
        size = STORAGE_CODES.get(card.get("storage_bytes").integer(1, SIZE_MAX), 0)
        made = bytes(card.get(name).integer(0, 255) for name in _MADE)
        chip = bytes((4, 1, 1, 1, 0, size, 5, 4, 1, 1, 1, 4, size, 5))
        return chip + card.get("uid").hex(7) + card.get("batch").hex(5) + made

    def _staged(self) -> dict[str, dict[str, Node]]:
        """Return {aid: {number: staged change}} of a commit that the card will finish."""
        waiting = self.tree.get("transaction")
        if waiting.value is None or not waiting.get("marked").boolean():
            return {}
        return {waiting.get("aid").text(): dict(waiting.get("staged").entries())}

    def _notes(self) -> tuple[str, ...]:
        waiting = self.tree.get("transaction")
        if waiting.value is None:
            return ()
        count = len(list(waiting.get("staged").entries()))
        if waiting.get("marked").boolean():
            return (f"torn in a commit after its mark: {count} staged files count, shown as after",)
        return (f"{count} files were staged and never committed: the card forgets them",)

    def _application(self, aid: str, node: Node, staged: dict[str, Node]) -> CardApplication:
        keys = list(node.get("keys").items())
        versions = tuple(key.get("version").integer(0, 255) for key in keys)
        at = f"applications/{aid}"
        files = dict(node.get("files").entries())
        numbers = {node.child(f"files/{name}", name).number(0, 31): name for name in files}
        return CardApplication(
            Node(aid, f"{node.place}").hex(3),
            self._known(f"{at}/settings", node.get("settings").hex(1)[0]),
            self._known(f"{at}/kind", node.get("kind").choice(*KEY_KINDS)),
            self._known(f"{at}/key_versions", versions),
            self._known(f"{at}/iso_files", node.get("iso_files").boolean()),
            node.get("iso_fid").integer(0, 0xFFFF) if node.has("iso_fid") else None,
            node.get("df_name").hex(),
            tuple(
                self._file(f"{at}/files/{name}", number, files[name], staged.get(name))
                for number, name in sorted(numbers.items())
            ),
        )

    def _file(self, at: str, number: int, node: Node, change: Node | None) -> CardFile:
        if change is not None:
            node = change.get("file")
        kind = node.get("type").choice(*KINDS)
        common: dict[str, Any] = {
            "comm": self._known(f"{at}/comm", node.get("comm").integer(0, 3)),
            "rights": self._known(f"{at}/rights", int.from_bytes(node.get("rights").hex(2))),
        }
        if f"{at}/contents" in self.unknown:
            common["unread"] = "not in the dump this image was made from"
        if kind == VALUE:
            return CardFile(number, kind, **common, **self._value(at, node, change))
        if node.has("iso_fid"):
            common["iso_fid"] = node.get("iso_fid").integer(0, 0xFFFF)
        if kind in RECORD_KINDS:
            size = node.get("record_bytes").integer(1, SIZE_MAX)
            found = tuple(record.hex(size) for record in node.get("records").items())
            most = node.get("records_max").integer(1, SIZE_MAX)
            records = self._known(f"{at}/contents", found)
            return CardFile(
                number, kind, size_bytes=size, records_max=most, records=records, **common
            )
        data = node.get("data").hex()
        shown = self._known(f"{at}/contents", data)
        return CardFile(number, kind, size_bytes=len(data), data=shown, **common)

    def _value(self, at: str, node: Node, change: Node | None) -> dict[str, Any]:
        names = ("lower", "upper", "limited_credit", "value")
        values: dict[str, Any] = {
            name: node.get(name).integer(VALUE_LOW, VALUE_HIGH) for name in names
        }
        if change is not None:
            # What a commit leaves as the ceiling of a later limited credit.
            if change.has("debits"):
                values["limited_credit"] = change.get("debits").integer(0, VALUE_HIGH)
            elif change.get("limited_used").boolean():
                values["limited_credit"] = 0
        values["value"] = self._known(f"{at}/contents", values["value"])
        values["limited_enabled"] = node.get("limited_enabled").boolean()
        if f"{at}/limits" in self.unknown:
            values |= dict.fromkeys(("lower", "upper", "limited_credit", "limited_enabled"))
        values["free_get"] = self._known(f"{at}/free_get", node.get("free_get").boolean())
        return values


_MADE = ("production_week", "production_year")


def _ultralight(tree: Node, unknown: set[str]) -> UltralightCard:
    uid, lock, otp = tree.get("uid").hex(7), tree.get("lock").hex(4), tree.get("otp").hex(4)
    internal = tree.get("internal").integer(0, 255)
    counter = tree.get("counter").integer(0, 0xFFFF)
    auth = [tree.get(name).integer(0, 255) for name in ("auth0", "auth1")]
    tree.get("key").hex(16)
    pages: list[bytes | None] = list(head_pages(uid, internal, lock[:2]))
    pages.append(otp)
    pages += [tree.get("pages").get(str(number)).hex(4) for number in range(4, 40)]
    pages.append(lock[2:] + bytes(2))
    pages.append(counter.to_bytes(2, "little") + bytes(2))
    pages += [bytes((byte, 0, 0, 0)) for byte in auth]
    pages += [None] * (ULTRALIGHT_C_PAGES - len(pages))  # the key's pages are never read
    for number in range(len(pages)):
        if f"pages/{number}" in unknown:
            pages[number] = None
    return UltralightCard(uid, tuple(pages), "Ultralight C")


def head_pages(uid: bytes, internal: int, lock: bytes) -> tuple[bytes, bytes, bytes]:
    """Return pages 0..2 of an Ultralight: UID with its two check bytes, internal, lock 0 and 1."""
    first, second = 0x88, 0  # cascade tag; ISO/IEC 14443-3
    for byte in uid[:3]:
        first ^= byte
    for byte in uid[3:]:
        second ^= byte
    return uid[:3] + bytes((first,)), uid[3:], bytes((second, internal)) + lock
