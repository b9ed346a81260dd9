"""The current packages of every device: tariff, hotlist, overlay, actions, certificate, lease.

A package is made when something changed or is about to expire; its version rises then and only
then, and is durable before the package leaves (`package_versions`). It must not know MQTT.
Source: decisions D8, D18; trust.md 6.3 and 6.6; card-bits.md LEASE, MANIFEST.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from backend_sync.action_packages import ACTIONS_LIFE_S, ActionPackages, Leased, Waiting
from backend_sync.catalogue import Catalogue, CatalogueError, Contents, Listed, TariffBody
from backend_sync.package_versions import PackageVersions
from backend_sync.ports import Clock, Keyring, KeyringRefused
from card_layouts.codec.timestamps import day_of
from card_layouts.packages.hotlist_builder import difference
from card_layouts.packages.manifest import (
    ACTIONS,
    CERTIFICATE,
    HOTLIST,
    LEASE,
    OVERLAY,
    ROLE_NAMES,
    TARIFF,
)
from card_layouts.tickets.single import CERTIFICATE_DAYS

SCHEME = 0  # the authority that signs what is the same for all
HOTLIST_LIFE_S = 7 * 86400
CARRYING = ("validator", "vehicle")  # kinds of device that carry out actions
SELLING = "vehicle"  # the kind of device that gets its certificate by the dock
CERTIFICATE_YOUNG_DAYS = 10  # then the next one is made: a vehicle may stay away for 20 days
OVERLAY_CARDS_MAX = 20_000  # then a new base is made: overlays stay within 0.2 MB


class Package(NamedTuple):
    """A body and what its manifest says; the keyring makes the envelope for each device."""

    name: str
    manifest: dict[str, Any]
    body: bytes

    @property
    def sha256(self) -> bytes:
        return bytes(self.manifest["sha256"])


class Terms(NamedTuple):
    """What a lease grants unless `leases.json` says otherwise, and for how long."""

    life_s: int
    renew_s: int  # a younger lease is not replaced unless something changed
    fields: dict[str, int]


class Packages:
    """Everything current; `refresh` looks what changed, `of_device` gives one device's.

    All of them are of the moment of the last `refresh`: a package says what it was made beside.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        versions: PackageVersions,
        keyring: Keyring,
        clock: Clock,
        terms: Terms,
        capacities: Mapping[int, int],
        waiting: Waiting | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.versions = versions
        self.keyring = keyring
        self.clock = clock
        self.now = clock.utc_seconds()
        self.terms = terms
        self.capacities = capacities  # role -> bytes the smallest target holds, absent = any
        self.listed: list[Listed] = []
        self.lease_terms: dict[int, dict[str, Any]] = {}
        self.reads = 0  # how often the folder was read: a rise means tariffs may be new
        self.tariffs: dict[int, Package] = {}
        self.hotlist: Package | None = None
        self.overlay: Package | None = None
        self.leases: dict[str, Package] = {}
        self.certificates: dict[str, Package] = {}
        self.actions = ActionPackages(waiting, versions, keyring, capacities) if waiting else None
        self.last_error = ""

    def refresh(self) -> None:
        """Take up what changed; a file that does not fit leaves all as it was."""
        self.now = self.clock.utc_seconds()
        if self.actions is not None:
            self.actions.refresh(self.now)
        if self.catalogue.changed():
            try:
                self._take(self.catalogue.read())
            except BaseException:
                self.catalogue.seen = None  # the keyring is away: read it again next time
                raise
        elif self.hotlist is not None and self._is_half_over(self.hotlist):
            self._base(self.listed)

    def _take(self, contents: Contents) -> None:
        """Take up each part that fits; the others stay as they were, and are named."""
        errors = list(contents.errors)
        for authority, tariff in contents.tariffs.items():
            try:
                self.tariffs[authority] = self._tariff(tariff)
            except CatalogueError as error:
                errors.append(f"CatalogueError: {error}")
        if contents.leases is not None:
            self.lease_terms = contents.leases
        if contents.listed is not None:
            try:
                self._list(contents.listed)
                self.listed = contents.listed
            except CatalogueError as error:
                errors.append(f"CatalogueError: {error}")
            except KeyringRefused as error:  # a listed card may be issued later: look again
                self.catalogue.seen = None
                errors.append(f"KeyringRefused: {error}")
        self.last_error = "; ".join(errors)
        self.reads += 1

    def save(self) -> None:
        """Make the versions given out durable."""
        if self.actions is not None:
            self.actions.save()
        self.versions.save()

    def of_device(self, device: Mapping[str, Any]) -> list[Package]:
        """Return the packages of one device (a row of `assemble("devices")`), the lease last.

        Call `save` before they leave.
        """
        shared = [self.tariffs.get(device["authority"]), self.hotlist, self.overlay]
        packages = [package for package in shared if package is not None]
        certificate = self._certificate(device)
        if self.actions is not None and device["kind"] in CARRYING:
            packages += self._action_list(device["authority"])
        lease = self._lease(device, packages)
        if self.actions is not None and device["kind"] in CARRYING:
            leased = self._leased(lease) if lease is not None else None
            self.actions.given(device["device"], device["epoch"], leased)
        if certificate is not None:
            packages.append(certificate)
        return packages if lease is None else [*packages, lease]

    # Tariffs

    def _tariff(self, tariff: TariffBody) -> Package:
        name = f"tariff-{tariff.authority}"
        last = self.versions.manifests.get(name)
        if last is not None:
            if last["sha256"] == hashlib.sha256(tariff.body).digest():
                return Package(name, last, tariff.body)
            if last["version"] >= tariff.version:
                raise CatalogueError(
                    f"{name}: version {tariff.version}, but {last['version']} was published"
                    " with other bytes; versions only rise"
                )
        manifest = self._manifest(TARIFF, tariff.authority, tariff.version, tariff.body)
        manifest["semantics"] = tariff.semantics
        manifest["valid_from"] = tariff.valid_from
        manifest["expires"] = tariff.expires
        return self._made(Package(name, manifest, tariff.body))

    # Hotlist: a base, and a cumulative overlay over it

    def _list(self, listed: list[Listed]) -> None:
        if self.hotlist is None and not self._restore_base():
            self._base(listed)
            return
        changes = difference(_rows(self._base_cards()), _rows(listed))
        if len(changes) > OVERLAY_CARDS_MAX:
            self._base(listed)
        else:
            self._overlay([(card, g, action) for card, action, g in changes])

    def _base(self, listed: list[Listed]) -> None:
        name = "hotlist-0"
        version = self.versions.last(name) + 1
        body = self._base_body(version, listed)
        manifest = self._manifest(HOTLIST, SCHEME, version, body)
        manifest["expires"] = manifest["made"] + HOTLIST_LIFE_S
        cards = [[card.hex(), g, action] for card, g, action in listed]
        self.hotlist = self._made(Package(name, manifest, body), cards)
        self._overlay([])

    def _restore_base(self) -> bool:
        """Make the base of an earlier run again; False when there was none or it differs now."""
        manifest = self.versions.manifests.get("hotlist-0")
        if manifest is None:
            return False
        try:
            body = self._base_body(manifest["version"], self._base_cards())
        except KeyringRefused:  # a card of it is gone from the register
            return False
        if hashlib.sha256(body).digest() != manifest["sha256"]:
            return False
        self.hotlist = Package("hotlist-0", manifest, body)
        return not self._is_half_over(self.hotlist)

    def _base_cards(self) -> list[Listed]:
        cards = self.versions.extra.get("hotlist-0") or []
        return [(bytes.fromhex(card), g, action) for card, g, action in cards]

    def _base_body(self, version: int, listed: list[Listed]) -> bytes:
        request = {"version": version, "authority": SCHEME, "entries": listed}
        return bytes(self.keyring.assemble("hotlist", request))

    def _overlay(self, changes: list[Listed]) -> None:
        assert self.hotlist is not None
        name = "overlay-0"
        made_of = [self.hotlist.manifest["version"], [[c.hex(), g, a] for c, g, a in changes]]
        last = self.versions.manifests.get(name)
        is_same = last is not None and self.versions.extra.get(name) == made_of
        version = self.versions.last(name) + (0 if is_same else 1)
        request = {"version": version, "authority": SCHEME, "entries": changes}
        body = bytes(self.keyring.assemble("overlay", {**request, "base": self.hotlist.body}))
        if last is not None and is_same and last["sha256"] == hashlib.sha256(body).digest():
            self.overlay = Package(name, last, body)
            return
        manifest = self._manifest(OVERLAY, SCHEME, version, body)
        manifest["expires"] = self.hotlist.manifest["expires"]
        self.overlay = self._made(Package(name, manifest, body), made_of)

    # Action lists

    def _action_list(self, authority: int) -> list[Package]:
        """Return an authority's list, with the lines of all; none when the keyring refuses one."""
        assert self.actions is not None
        name = f"actions-{authority}"
        last = self.versions.manifests.get(name)
        current = self.actions.current
        try:
            body = self.actions.body(authority)
        except KeyringRefused as error:  # other packages do not wait for it
            self.last_error = f"KeyringRefused: {error}"
            return []
        if last is not None and last["version"] == current.version:
            return [Package(name, last, body)]
        manifest = self._manifest(ACTIONS, authority, current.version, body)
        manifest["expires"] = current.made + ACTIONS_LIFE_S
        made_of = [current.generation, current.digest, self.actions.chain]
        return [self._made(Package(name, manifest, body), made_of)]

    # Certificates

    def _certificate(self, device: Mapping[str, Any]) -> Package | None:
        """Return the certificate of a device that sells tickets: the last one while it is young."""
        if device["kind"] != SELLING:
            return None
        number, epoch = device["device"], device["epoch"]
        name = f"certificate-{number}-{epoch}"
        last = self.versions.manifests.get(name)
        today = day_of(self.now)
        first = self.versions.extra[name] if last is not None else 0
        is_young = last is not None and today < first + CERTIFICATE_YOUNG_DAYS
        if is_young and name in self.certificates:
            return self.certificates[name]
        request = {"device": number, "epoch": epoch, "from_day": first if is_young else today}
        body = bytes(self.keyring.assemble("certificate", request))
        if is_young:
            assert last is not None
            self.certificates[name] = Package(name, last, body)
            return self.certificates[name]
        manifest = self._manifest(CERTIFICATE, device["authority"], today, body)
        manifest["expires"] = (today + CERTIFICATE_DAYS) * 86_400
        self.certificates[name] = self._made(Package(name, manifest, body), today)
        return self.certificates[name]

    # Leases

    def _lease(self, device: Mapping[str, Any], packages: list[Package]) -> Package | None:
        """Return the device's lease: the last one while it is young and says the same."""
        number, epoch = device["device"], device["epoch"]
        name = f"lease-{number}-{epoch}"
        special = dict(self.lease_terms.get(number, {}))
        if special.pop("revoked", False):
            return None
        versions = {f"v_{ROLE_NAMES[p.manifest['role']]}": p.manifest["version"] for p in packages}
        # A newer list needs no newer lease: its key is reached from any lease of the same chain.
        v_actions = versions.pop("v_actions", 0)
        made_of = {**self.terms.fields, "life_s": self.terms.life_s, **versions, **special}
        keyed = {}
        if self.actions is not None and device["kind"] in CARRYING:
            made_of["chain"] = self.actions.chain
            keyed = {"generation": self.actions.current.generation, "v_actions": v_actions}
        last = self.versions.manifests.get(name)
        now = self.now
        if last is not None and self.versions.extra.get(name, {}).get("of") == made_of:
            # A refused device's lease stays; a young one too: devices count taps under its number.
            if now < last["made"] + self.terms.renew_s or "not_after" in special:
                return self.leases.get(name) or self._lease_again(name, last)
        version = max(self.versions.last(name), self._older_lease(number, epoch)) + 1
        fields = {
            "device": number,
            "epoch": epoch,
            "lease": version,
            "not_before": max(0, now - 300),  # clocks may differ by five minutes
            "not_after": now + self.terms.life_s,
            "time": now,
            **keyed,
            **self.terms.fields,
            **versions,
            **special,
        }
        body = bytes(self.keyring.assemble("lease", fields))
        manifest = self._manifest(LEASE, device["authority"], version, body)
        manifest["expires"] = fields["not_after"]
        package = self._made(Package(name, manifest, body), {"of": made_of, "fields": fields})
        self.leases[name] = package
        return package

    def _leased(self, lease: Package) -> Leased:
        """Return what the ledger notes of a lease."""
        oldest = self.versions.extra[lease.name]["fields"].get("v_actions", 0)
        return Leased(lease.manifest["version"], oldest, lease.manifest["expires"])

    def _lease_again(self, name: str, manifest: dict[str, Any]) -> Package:
        body = bytes(self.keyring.assemble("lease", self.versions.extra[name]["fields"]))
        self.leases[name] = Package(name, manifest, body)
        return self.leases[name]

    def _older_lease(self, number: int, epoch: int) -> int:
        """Return the last lease of the device's epochs before: its slots may still hold it."""
        return max((self.versions.last(f"lease-{number}-{e}") for e in range(epoch)), default=0)

    # All of them

    def _manifest(self, role: int, authority: int, version: int, body: bytes) -> dict[str, Any]:
        return {
            "role": role,
            "authority": authority,
            "target": 0,
            "version": version,
            "floor": version,  # a device that switched never goes back
            "semantics": 1,
            "valid_from": 0,
            "expires": 0,
            "size": len(body),
            "made": self.now,
            "sha256": hashlib.sha256(body).digest(),
        }

    def _made(self, package: Package, extra: Any = None) -> Package:
        """Enter a new package. Raises: CatalogueError when the smallest target cannot hold it."""
        most = self.capacities.get(package.manifest["role"])
        if most is not None and len(package.body) > most:
            raise CatalogueError(
                f"{package.name} version {package.manifest['version']}: {len(package.body)} bytes,"
                f" the smallest target holds {most}"
            )
        self.versions.put(package.name, package.manifest, extra)
        return package

    def _is_half_over(self, package: Package) -> bool:
        made, expires = package.manifest["made"], package.manifest["expires"]
        return self.now >= (made + expires) // 2


def _rows(listed: list[Listed]) -> list[tuple[bytes, int, int]]:
    """Return (card, action, g), the order of `hotlist_builder.difference`."""
    return [(card, action, g) for card, g, action in listed]
