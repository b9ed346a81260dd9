"""What the device may do offline: until when, how often, for how much, and with which rights.

Source: trust.md 6.6, T6; D2 (an unset clock charges nothing); card-bits.md LEASE.
"""

from card_layouts.codec.timestamps import CLOCK_UNSET
from card_layouts.errors import LayoutError
from card_layouts.packages.lease import LEASE_BYTES, RIGHT_DEBIT, check_lease
from card_layouts.records.entries_tap import REASON_CLOCK_UNSET, REASON_LEASE


class Lease:
    """The newest lease, or none: `values` as of check_lease, or None."""

    def __init__(self, values=None):
        self.values = values

    @property
    def number(self):
        """Return the lease's id, 0 = none."""
        return self.values["lease"] if self.values is not None else 0

    def may(self, right):
        """Return True if the lease gives this right (packages.lease.RIGHT_...)."""
        return self.values is not None and self.values["rights"] & right == right

    def in_time(self, now, source):
        """Return True if the lease runs at `now` (seconds) by a clock of this source."""
        values = self.values
        if values is None or source == CLOCK_UNSET:
            return False
        return values["not_before"] <= now <= values["not_after"]

    def allows(self, now, source, cents, journal):
        """Return 0 if one more tap charging `cents` is allowed, else an entries_tap.REASON_...

        Units: now in seconds since 2020, source one of timestamps.CLOCK_...
        Counts what the journal remembers under this lease, open intents included.
        """
        if source == CLOCK_UNSET:
            return REASON_CLOCK_UNSET
        if not self.in_time(now, source) or not self.may(RIGHT_DEBIT):
            return REASON_LEASE
        taps, cents_used = used(journal, self.number)
        if taps + 1 > self.values["max_taps"] or cents_used + cents > self.values["max_cents"]:
            return REASON_LEASE
        return 0


def used(journal, number):
    """Return (taps, cents) charged under lease `number`, as the journal counted them."""
    counted = journal.counters.values
    if counted["lease"] != number:
        return 0, 0
    return counted["lease_taps"], counted["lease_cents"]


def lease_check(k_cfg, device, epoch):
    """Return the check a lease package must pass before it is installed: it is ours."""

    def check(read, manifest):
        values = read_lease(read, k_cfg)
        if values["device"] != device or values["epoch"] != epoch:
            raise LayoutError(f"lease: for device {values['device']}, wanted {device}")
        if values["lease"] != manifest["version"]:
            raise LayoutError(f"lease {values['lease']}: manifest says {manifest['version']}")

    return check


def read_lease(read, k_cfg):
    """Return the fields of a lease package's body. Raises: LayoutError, SealError."""
    return check_lease(read(0, LEASE_BYTES), k_cfg)


def kept(values):
    """Return of a lease's fields those a tap asks for: they stay on the heap for days."""
    names = ("lease", "not_before", "not_after", "max_taps", "max_cents", "rights")
    return {name: values[name] for name in names}
