"""Whether an action list may be used: with this lease, on this day, and what is said if not.

Its key comes with the lease, wrapped for this device; a list of a later generation is reached by
going forward from it, one of an earlier generation is not. A list that cannot be used is journalled
once each time packages are loaded, and taps go on without it. When a newer lease is in force the
older one's key is overwritten: who steals the device opens no list from before.
Loaded with packages only: in the image a module of its own. Source: D9; trust.md 6, T9.
"""

from card_layouts.errors import LayoutError, SealError
from card_layouts.packages.action_list import open_head
from card_layouts.packages.lease import K_ACT_AT, K_ACT_BYTES, unwrap_key
from card_layouts.packages.manifest import ACTIONS, LEASE, MANIFEST
from card_layouts.records.entries_device import CONFIG_EXPIRED, CONFIG_OLD, CONFIG_SEAL
from firmware.lease import read_lease
from firmware.package_slots import HEAD_BYTES
from firmware.updates import JOURNAL_ROOM


def list_in_force(updates, keys):
    """Return what an ActionList that taps may use is made of, or None; why not is journalled.

    Shape: `updates` the device's Updates, `keys` its Keys port. The list itself is the caller's to
    make: it outlives this module.
    """
    package, leased = updates.active(ACTIONS), updates.active(LEASE)
    if package is None or leased is None or not keys.wrap:
        return None
    why = CONFIG_SEAL
    try:
        lease = read_lease(leased.read, keys.cfg)
        if package.expired(updates.now()):
            why = CONFIG_EXPIRED
        elif package.version < lease["v_actions"]:
            why = CONFIG_OLD
        else:
            k_act = unwrap_key(keys.wrap, lease["K_act"])
            head, k_act = open_head(package.read, k_act, lease["generation"])
            return package.read, head, k_act
    except (LayoutError, SealError):
        pass
    tell_unused(updates, why)
    return None


def tell_unused(updates, why=CONFIG_SEAL):
    """Journal why the list is not used, a CONFIG_... number."""
    package = updates.active(ACTIONS)
    if package is not None and updates.journal.free_slots() >= JOURNAL_ROOM:
        manifest = MANIFEST.unpack(package.manifest64)
        floor = updates.slots[ACTIONS].floor()
        updates.journal_verdict(why, manifest, package.manifest64, package.version, floor)


def forget_older_keys(updates, flash):
    """Overwrite K_act in the lease before the one in force, if there is one."""
    leases = updates.slots[LEASE]
    if updates.active(LEASE) is leases.newest():
        for lease in leases.packages[:-1]:
            if any(lease.read(K_ACT_AT, K_ACT_BYTES)):
                flash.program(lease.place + HEAD_BYTES + K_ACT_AT, bytes(K_ACT_BYTES))
