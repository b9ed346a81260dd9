"""Bodies that hold UIDs or keys and travel outwards: hotlists, action lists, leases, dock keys.

The ledger names cards by pseudonym; here they turn into UIDs, inside the keyring. It must not
know why a card is listed. Source: decisions D8, D11, D12; card-bits.md HOTLIST_7, LEASE.
"""

import re
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from backend_sync.keyring.action_keys import ActionKeys
from backend_sync.keyring.batches import Batches
from backend_sync.keyring.provision import SELLERS
from backend_sync.keyring.register import ActionLease, Device, Register
from backend_sync.keyring.signing import Signing
from backend_sync.ports import KeyringRefused
from card_layouts.cards.card_layout import K2, aid_bytes
from card_layouts.crypto.an10922 import card_key
from card_layouts.crypto.ed25519_cpython import public_native
from card_layouts.crypto.kdf import device_key, dock_key, ticket_seed
from card_layouts.errors import LayoutError, RangeError
from card_layouts.packages.action_list_builder import build_action_list
from card_layouts.packages.hotlist_builder import build_base, build_overlay
from card_layouts.packages.lease import seal_lease, wrap_key
from card_layouts.tickets.single import CERTIFICATE_DAYS

EDGE_ID = re.compile(r"[a-z0-9-]{1,24}")
MONTH_MAX = (1 << 16) - 1

# What values of another kind raise on their way to the register and into the layouts.
# fmt: off
_UNFIT = (LayoutError, RangeError, ValueError, TypeError, AttributeError, OverflowError,
          sqlite3.ProgrammingError)
# fmt: on


class Assembly:
    """Makes bodies from the register and the keys."""

    def __init__(
        self, register: Register, signing: Signing, masters: Mapping[int, Mapping[str, bytes]],
        aid: int, random_bytes: Callable[[int], bytes],
    ) -> None:  # fmt: skip
        self.register = register
        self.signing = signing
        self.masters = masters
        self.aid = aid
        self.action_keys = ActionKeys(register, signing.root, random_bytes)
        self.batches = Batches(register)
        self.kinds = {
            "hotlist": self.hotlist,
            "overlay": self.overlay,
            "actions": self.actions,
            "action_key": self.action_key,
            "lease": self.lease,
            "earlier_leases": self.earlier_leases,
            "certificate": self.certificate,
            "dock": self.dock,
            "devices": self.devices,
            "publics": lambda request: self.signing.publics(),
            "incarnation": self.incarnation,
            "settled": self.settled,
        }

    def make(self, kind: str, request: Mapping[str, Any]) -> Any:
        """Return what `kind` asks for. Raises: KeyringRefused naming what is missing or wrong."""
        maker = self.kinds.get(kind)
        if maker is None:
            raise KeyringRefused(f"assemble: kind {kind!r}, wanted {', '.join(self.kinds)}")
        try:
            return maker(request)
        except KeyError as error:
            raise KeyringRefused(f"assemble {kind}: {error} is missing") from None
        except _UNFIT as error:
            raise KeyringRefused(f"assemble {kind}: {error}") from None

    def incarnation(self, request: Mapping[str, Any]) -> int:
        """Return the ledger's incarnation; {"ledger", "seal", "head"} says how far its books are.

        Raises: KeyringRefused when they were further before.
        """
        if request:
            ledger, seal, head = (request[name] for name in ("ledger", "seal", "head"))
            if not re.fullmatch("[0-9a-f]{32}[0-9a-f]{64}", ledger + head) or seal < 0:
                raise KeyringRefused("assemble incarnation: wanted ledger and head in hex digits")
            self.register.see_ledger(ledger, seal, head)
        return self.register.incarnation()

    def settled(self, request: Mapping[str, Any]) -> list[list[Any]]:
        """Return [number, SHA-256 of the body] of every batch given out, in order.

        {"batches": [[number, SHA-256], ...]} are those that stand in the books from now on.
        Raises: KeyringRefused when one of them was given out with another content.
        """
        self.batches.remember(request["batches"])
        return [list(given) for given in self.batches.known().items()]

    def hotlist(self, request: Mapping[str, Any]) -> bytes:
        """Return a base: {"version", "authority", "entries": [(P_L, g, action)], "width"}."""
        return build_base(
            request["version"],
            self._by_uid(request["entries"]),
            request.get("authority", 0),
            request.get("width"),
        )

    def overlay(self, request: Mapping[str, Any]) -> bytes:
        """Return the overlay of the base in {"base"}; the other fields as in `hotlist`."""
        return build_overlay(
            request["version"],
            request["base"],
            self._by_uid(request["entries"]),
            request.get("authority", 0),
            request.get("width"),
        )

    def _by_uid(self, entries: Any) -> list[tuple[bytes, int, int]]:
        """Return (uid, action, g) sorted by UID, so the order asked for leaves no trace."""
        rows = []
        for pseudonym, g, action in entries:
            card = self.register.card(pseudonym)
            if card is None:
                raise KeyringRefused(f"hotlist: no issued card is {pseudonym.hex()}")
            rows.append((card.uid, action, g))
        return sorted(rows)

    def actions(self, request: Mapping[str, Any]) -> bytes:
        """Return an action list: {"version", "authority", "generation", "lines"}.

        A line has the fields of ACTION_ENTRY, and "card" (P_L) for uid and K: both stay in here.
        """
        generation = request["generation"]
        lines = [self._line(**line) for line in request["lines"]]
        key = self.action_keys.key(generation)
        return build_action_list(request["version"], request["authority"], generation, key, lines)

    def _line(self, card: bytes, **fields: Any) -> dict[str, Any]:
        found = self.register.card(card)
        if found is None:
            raise KeyringRefused(f"actions: no issued card is {card.hex()}")
        masters = self.masters.get(found.generation)
        if masters is None:
            raise KeyringRefused(
                f"actions: card {card.hex()} has keys of generation {found.generation};"
                f" the key file has {sorted(self.masters)}"
            )
        aid = aid_bytes(self.aid, found.generation)
        key = card_key(masters["K2"], found.uid, aid, K2, found.generation)
        return {**fields, "uid": found.uid, "K": bytes(key)}

    def action_key(self, request: Mapping[str, Any]) -> dict[str, int]:
        """Return {"generation", "chain"} of K_act; {"day"} takes it on once on that day."""
        if request:
            self.action_keys.step(request["day"])
        return {"generation": self.action_keys.generation(), "chain": self.action_keys.chain()}

    def lease(self, request: Mapping[str, Any]) -> bytes:
        """Return a lease of 96 bytes for {"device", "epoch", and fields of LEASE}.

        With "generation" it carries K_act of that generation, wrapped for the device.
        """
        identity = self.active(request["device"], request["epoch"])
        key = self.signing.label(identity.device, identity.epoch, b"cfg")
        values = dict(request)
        if "generation" in values:
            wrap = self.signing.label(identity.device, identity.epoch, b"wrap")
            values["K_act"] = wrap_key(wrap, self.action_keys.key(values["generation"]))
        sealed = bytes(seal_lease(values, key))
        if "generation" in values:
            said = ActionLease(*identity[:2], values["lease"], values["not_after"])
            self.register.see_lease(self.action_keys.chain(), said)
        return sealed

    def earlier_leases(self, request: Mapping[str, Any]) -> list[list[int]]:
        """Return [device, epoch, lease, not_after] of what went out with K_act of other chains.

        A ledger that was restored asks: those devices may hold lists that it does not know.
        """
        return [list(lease) for lease in self.register.earlier_leases(self.action_keys.chain())]

    def certificate(self, request: Mapping[str, Any]) -> bytes:
        """Return the 106 bytes of {"device", "epoch", "from_day"}: 30 days of selling tickets.

        The number is the first day's: it rises with each renewal.
        """
        identity = self.active(request["device"], request["epoch"])
        if identity.kind not in SELLERS:
            raise KeyringRefused(
                f"certificate: device {identity.device} is a {identity.kind},"
                f" wanted {', '.join(SELLERS)}"
            )
        k_dev = device_key(self.signing.root, identity.device, identity.epoch)
        return self.signing.certified(
            {
                "kind": SELLERS[identity.kind],
                "authority": identity.authority,
                "device": identity.device,
                "number": request["from_day"],
                "from_day": request["from_day"],
                "until_day": request["from_day"] + CERTIFICATE_DAYS - 1,
                "public": public_native(ticket_seed(k_dev)),
            }
        )

    def dock(self, request: Mapping[str, Any]) -> list[tuple[int, bytes]]:
        """Return (device, K_dock) for {"edge", "month", "devices": [...]}; each in newest epoch."""
        edge, month = request["edge"], request["month"]
        if not EDGE_ID.fullmatch(edge):
            raise KeyringRefused(f"dock: edge {edge!r}, wanted 1..24 of a-z, 0-9, -")
        if not 0 <= month <= MONTH_MAX:
            raise KeyringRefused(f"dock: month {month}, wanted 0..{MONTH_MAX}")
        keys = []
        for device in request["devices"]:
            identity = self.register.newest(device)
            if identity is None or identity.state != "active":
                raise KeyringRefused(f"dock: device {device} is not provisioned or is refused")
            root = self.signing.label(identity.device, identity.epoch, b"dock")
            keys.append((device, bytes(dock_key(root, edge.encode("ascii"), month))))
        return keys

    def devices(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [device._asdict() for device in self.register.devices()]

    def active(self, device: int, epoch: int) -> Device:
        """Return the identity if anything may be signed for it. Raises: KeyringRefused."""
        identity = self.register.device(device, epoch)
        if identity is None:
            raise KeyringRefused(f"device {device} epoch {epoch} was never provisioned")
        if identity.state != "active":
            raise KeyringRefused(f"device {device} epoch {epoch} is {identity.state}")
        return identity
