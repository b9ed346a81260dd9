"""What the body of each role's package must be before it may be switched to.

Source: D8, D18, D26; trust.md 6.3.
"""

from card_layouts.codec.bits import get_bits
from card_layouts.errors import LayoutError
from card_layouts.packages.manifest import (
    ACTIONS,
    CERTIFICATE,
    HOTLIST,
    LEASE,
    OVERLAY,
    TARIFF,
)
from firmware.lease import lease_check


def package_checks(k_cfg, journal, profile, slots, clock):
    """Return {role: check(read, manifest)}; a check raises LayoutError or SealError."""

    def tariff(read, manifest):
        from card_layouts.fares.package import HEADER_BYTES, SEMANTICS, read_header

        found, version, semantics = read_header(read(0, HEADER_BYTES))
        if found != manifest["authority"] or version != manifest["version"]:
            raise LayoutError(f"tariff: authority {found} version {version}")
        if found != profile["authority"]:
            raise LayoutError(f"tariff: of {found}, this is {profile['authority']}")
        if semantics > SEMANTICS:
            raise LayoutError(f"tariff: semantics {semantics}, known up to {SEMANTICS} (D26)")

    def hotlist(read, manifest):
        from card_layouts.packages.hotlist import KIND_BASE, HotlistFile

        check_version(HotlistFile(read, KIND_BASE), manifest)

    def overlay(read, manifest):
        from card_layouts.packages.hotlist import KIND_OVERLAY, HotlistFile

        found = HotlistFile(read, KIND_OVERLAY)
        check_version(found, manifest)
        seconds, _ = clock.now()
        base = slots[HOTLIST].active(seconds)
        if base is None or base.version != found.base:
            raise LayoutError(f"overlay: made for base {found.base}")

    def actions(read, manifest):
        from card_layouts.packages.action_list import check_action_list

        # Its seal is looked at when it is used: the lease that opens it may come after it.
        check_action_list(read, manifest["size"], manifest["version"], profile["authority"])

    def certificate(read, manifest):
        # Its table is loaded only to sell with: CERTIFICATE.device stands at bit 16.
        device = get_bits(read(0, 5), 16, 20)
        if device != journal.device:
            raise LayoutError(f"certificate: for device {device}, wanted {journal.device}")

    return {
        ACTIONS: actions,
        CERTIFICATE: certificate,
        TARIFF: tariff,
        HOTLIST: hotlist,
        OVERLAY: overlay,
        LEASE: lease_check(k_cfg, journal.device, journal.epoch),
    }


def check_version(found, manifest):
    """Raise LayoutError unless a hotlist file and its manifest have one version."""
    if found.version != manifest["version"]:
        raise LayoutError(f"hotlist: version {found.version}, manifest {manifest['version']}")
