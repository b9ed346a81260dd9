"""Packages for the device in a dock: which to offer, and the body in chunks from any offset.

Every package is offered once a session unless the device says it has it or something newer;
the device decides, the edge only carries, and forgets what nobody sealed. Source: SPEC.md "Link";
decisions.md D18.
"""

from card_layouts.link import messages
from card_layouts.packages import manifest
from edge_agent.parcels import Package, Parcels

# Roots first, since they say who may sign; the snapshot before what it allows; the lease after
# the versions it names; firmware last.
ORDER = (
    manifest.ROOT, manifest.SNAPSHOT, manifest.TARIFF, manifest.HOTLIST, manifest.OVERLAY,
    manifest.ACTIONS, manifest.LEASE, manifest.CERTIFICATE, manifest.FIRMWARE,
)  # fmt: skip
STATED = ("v_root", "v_tariff", "v_hotlist", "v_overlay", "v_actions", "v_lease", "v_firmware",
          "v_snapshot")  # fmt: skip
BUSY_MS = 200
RESULT_MS = 5000  # a device that checks a signature says RESULT when it is done


class DockParcels:
    """What one session offers to one device."""

    def __init__(self, parcels: Parcels, device: int) -> None:
        self.has_news = False  # a package was switched: ask for a new statement
        self.refused: list[str] = []
        self.installed: list[str] = []
        self._parcels = parcels
        self._device = device
        self._settled: set[bytes] = set()
        self._seen = -1
        self._waiting: list[Package] = []
        self._current: Package | None = None
        self._body = b""
        self._offset: int | None = None
        self._again_ms = 0

    def question(self, statement: dict, now_ms: int) -> tuple[int, bytes] | None:
        """Return the next OFFER or CHUNK to ask with, None when there is nothing to do."""
        if self._current is None:
            self._choose(statement)
        if self._current is None or now_ms < self._again_ms:
            return None
        if self._offset is None:
            return messages.OFFER, self._current.envelope
        part = self._body[self._offset : self._offset + messages.CHUNK_BYTES_MAX]
        if not part:
            self._offset = None  # all sent and no RESULT: offering again asks for it
            self._again_ms = now_ms + RESULT_MS
            return None
        return messages.CHUNK, messages.encode_chunk(self._offset, part)

    def take(self, frame_type: int, payload: bytes, now_ms: int) -> None:
        """Take a WANT or RESULT of the device. Raises: LayoutError, StoreRefused."""
        if frame_type == messages.RESULT:
            self._take_result(messages.unpack_exact(messages.RESULT_BODY, payload))
            return
        said = messages.unpack_exact(messages.WANT_BODY, payload)
        if self._current is None:
            return
        if said["status"] == messages.WANT_FROM:
            self._offset = said["offset"]
        elif said["status"] == messages.WANT_BUSY:
            self._offset = None
            self._again_ms = now_ms + BUSY_MS
        else:
            if said["status"] == messages.WANT_REFUSED:
                self._note_refused(said["detail"])
            self._settle()

    def _take_result(self, said: dict) -> None:
        if self._current is None or said["role"] != self._current.role:
            return
        if said["status"] == messages.RESULT_REFUSED:
            self._note_refused(said["detail"])
        else:
            self.installed.append(self._current.name)
        self.has_news = True
        self._settle()

    def _note_refused(self, detail: int) -> None:
        assert self._current is not None
        names = messages.WHY_NAMES
        why = names[detail] if detail < len(names) else str(detail)
        self.refused.append(f"{self._current.name}: {why}")
        if detail == messages.WHY_SEAL:
            self._parcels.drop(self._device, self._current.envelope)

    def _settle(self) -> None:
        assert self._current is not None
        self._settled.add(self._current.envelope)
        self._current = None
        self._body = b""
        self._offset = None
        self._again_ms = 0

    def _choose(self, statement: dict) -> None:
        if self._seen != self._parcels.changes:
            self._seen = self._parcels.changes
            packages = self._parcels.packages(self._device)
            self._waiting = sorted(packages, key=lambda package: ORDER.index(package.role))
        for package in self._waiting:
            if package.envelope not in self._settled and _is_news(package, statement):
                self._current = package
                self._body = self._parcels.body(package.sha256)
                return


def _is_news(package: Package, statement: dict) -> bool:
    # A device may hold tariffs of several authorities; its statement names the highest only.
    if package.role == manifest.TARIFF:
        return True
    if package.role >= len(STATED):
        return True  # the device says when it has it
    return package.version > int(statement[STATED[package.role]])
