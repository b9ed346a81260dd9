"""What comes from inland: acknowledgements, checked before they mean anything, and packages.

An acknowledgement counts only if the ledger's key signed it and its chain value H is the one
computed here from the same entries. Everything else is refused by name, counted, and deletes
nothing. Source: decisions.md D16, D18; threat T12; invariant I12.
"""

from collections.abc import Mapping

from card_layouts.codec import cbor
from card_layouts.crypto.ed25519 import verify
from card_layouts.errors import LayoutError, SealError
from card_layouts.packages.ack import ACK, ACK_LAYOUT, split_ack_batch
from edge_agent.marks import Mark
from edge_agent.ports import Clock
from edge_agent.store import Store

SCHEMA = 1
STATEMENTS_MAX = 4096


class AckRefused(SealError):
    """An acknowledgement that is not believed. `counter` names where it is counted."""

    counter = "forged_acks"


class AckForged(AckRefused):
    """Not signed by a ledger key this edge knows, or cut, or changed."""


class AckForeign(AckRefused):
    """For a device or epoch that has never stored anything here."""

    counter = "foreign_acks"


class AckEarly(AckRefused):
    """For entries this edge does not have."""

    counter = "early_acks"


class AckDifferent(AckRefused):
    """The ledger's chain value is not ours: somebody holds other entries."""

    counter = "different_acks"


class AckStale(AckRefused):
    """Nothing new: an older one, or one of a ledger that was restored since."""

    counter = "stale_acks"


class Downlink:
    """Takes messages from the topics `ack` and `down`."""

    def __init__(self, store: Store, clock: Clock, publics: Mapping[bytes, bytes]) -> None:
        self._store = store
        self._clock = clock
        self._publics = dict(publics)
        self.problem = ""

    def take(self, topic: str, payload: bytes) -> bool:
        """Take one message; False if it was refused, which is counted and never raised.

        Raises: StoreRefused; then the broker must send it again.
        """
        try:
            if topic.endswith("/ack"):
                return self.take_acks(payload) > 0
            self.take_down(payload)
            return True
        except AckRefused as refused:
            self._refuse(refused, refused.counter)
        except LayoutError as refused:
            self._refuse(refused, "forged_acks" if topic.endswith("/ack") else "refused_down")
        return False

    def take_acks(self, batch: bytes) -> int:
        """Check a signed batch of acknowledgements and return how many brought news.

        Raises: AckForged, LayoutError (nothing is taken), StoreRefused. A single statement that
        is refused is counted and does not hold back the others.
        """
        statements, key_id, signature, digest = split_ack_batch(batch)
        if len(statements) > STATEMENTS_MAX:
            raise LayoutError(f"ack batch: {len(statements)} statements, at most {STATEMENTS_MAX}")
        public = self._publics.get(key_id)
        if public is None:
            raise AckForged(f"ack batch: key {key_id.hex()} is not a ledger key of this edge")
        try:
            verify(public, digest, signature)
        except SealError as error:
            raise AckForged(f"ack batch: {error}") from error
        taken = 0
        with self._store.immediate():
            for statement in statements:
                try:
                    self._take_statement(statement)
                    taken += 1
                except AckRefused as refused:
                    self._refuse(refused, refused.counter)
        return taken

    def take_down(self, message: bytes) -> None:
        """Store a package or dock keys. Raises: LayoutError, StoreRefused."""
        said = cbor.decode(message)
        if not isinstance(said, list) or len(said) < 2 or said[0] != SCHEMA:
            raise LayoutError("down: wanted [1, kind, ...]")
        if said[1] == "package":
            self._take_package(said)
        elif said[1] == "dock":
            self._take_dock_keys(said)
        else:
            raise LayoutError(f"down: kind {said[1]!r} is not known here")

    def _take_statement(self, statement: bytes) -> None:
        said = ACK.unpack(statement)
        if said["layout"] != ACK_LAYOUT:
            raise AckForged(f"ACK.layout: {said['layout']}, wanted {ACK_LAYOUT}")
        device, epoch, seq = said["device"], said["epoch"], said["seq"]
        head = self._store.outbox.head(device, epoch)
        if head is None:
            raise AckForeign(f"ack: nothing of device {device} epoch {epoch} was stored here")
        if seq > head.seq:
            raise AckEarly(f"ack: device {device} seq {seq}, only {head.seq} stored here")
        mark = self._store.marks.of(device, epoch)
        if mark is not None and said["incarnation"] < mark.incarnation:
            raise AckStale(f"ack: device {device}, ledger {said['incarnation']} was restored")
        goes_back = mark is not None and seq < mark.acked_seq
        if mark is not None and said["incarnation"] == mark.incarnation:
            self._compare(device, epoch, seq, said["H"], needed=not goes_back)
            if seq <= mark.acked_seq:
                raise AckStale(f"ack: device {device} seq {seq}, {mark.acked_seq} known")
        else:
            # Going back deletes nothing, so it may name entries that are long gone here.
            try:
                self._compare(device, epoch, seq, said["H"], needed=not goes_back)
            except AckDifferent:
                self._send_all_again(device, epoch, mark)
                raise
        taken = Mark(seq, said["incarnation"], statement)
        self._store.marks.take(device, epoch, taken, said["time"])

    def _send_all_again(self, device: int, epoch: int, mark: Mark | None) -> None:
        """A restored ledger holds bytes that are not ours: let it have all of ours again.

        Somebody's forged slot may stand where it lost a genuine one that it had acknowledged. It
        keeps both, and takes the genuine one as soon as it comes; unasked it never would.
        """
        oldest = self._store.outbox.oldest(device, epoch)
        if mark is not None and oldest is not None and mark.acked_seq >= oldest:
            again = mark._replace(acked_seq=oldest - 1)
            self._store.marks.take(device, epoch, again, self._store.marks.ledger_time())

    def _compare(self, device: int, epoch: int, seq: int, chain: bytes, needed: bool) -> None:
        ours = self._store.outbox.chain_at(device, epoch, seq)
        if ours is None and needed:
            raise AckEarly(f"ack: device {device} seq {seq} is not stored here")
        if ours is not None and ours != chain:
            raise AckDifferent(f"ack: device {device} seq {seq}: H differs from ours")

    def _take_package(self, said: list) -> None:
        if len(said) != 5 or not _are(said[2:], (int, bytes, bytes)):
            raise LayoutError("down: wanted [1, 'package', device, envelope, body]")
        _, _, device, envelope, body = said
        if not 0 <= device < 1 << 20:
            raise LayoutError(f"down.package.device: {device} is no device")
        self._store.parcels.add_package(device, envelope, body, self._clock.utc_seconds())

    def _take_dock_keys(self, said: list) -> None:
        if len(said) != 4 or not _are(said[2:], (int, list)) or not 0 <= said[2] < 1 << 16:
            raise LayoutError("down: wanted [1, 'dock', month, [[device, key], ...]]")
        keys = []
        for row in said[3]:
            if not isinstance(row, list) or not _are(row, (int, bytes)) or len(row[1]) != 16:
                raise LayoutError("down.dock: wanted rows [device, key of 16 bytes]")
            keys.append((row[0], row[1]))
        self._store.parcels.add_dock_keys(said[2], keys)

    def _refuse(self, refused: Exception, counter: str) -> None:
        if not isinstance(refused, AckStale):
            self.problem = f"{type(refused).__name__}: {refused}"
        self._store.evidence.count(counter)


def _are(values: list, types: tuple[type, ...]) -> bool:
    return len(values) == len(types) and all(map(isinstance, values, types))
