"""What the agent says of itself: one JSON file, rewritten atomically, and a table for people.

Others never open the database of a running agent (decision D20): they read this.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from card_layouts.codec.timestamps import to_unix
from card_layouts.link import messages
from card_layouts.packages.manifest import ROLE_NAMES
from edge_agent.dock_session import DockSession
from edge_agent.store import Store

VERSIONS = ("v_root", "v_tariff", "v_hotlist", "v_overlay", "v_actions", "v_lease", "v_firmware",
            "v_snapshot")  # fmt: skip
COUNTERS = (
    "stored", "deleted", "quarantined", "refused_slots", "forged_acks", "foreign_acks",
    "early_acks", "different_acks", "stale_acks", "refused_down", "acks_refused_by_device",
)  # fmt: skip


def describe_store(store: Store, now: int) -> dict[str, Any]:
    """Return counts of the outbox, what was refused, and each device that ever docked here."""
    counters = store.evidence.counters()
    unsent = store.outbox.unsent()
    oldest = store.outbox.oldest_unsent_at()
    waiting: dict[tuple[int, int], int] = {}
    for piece in unsent:
        key = (piece.device, piece.epoch)
        waiting[key] = waiting.get(key, 0) + piece.last_seq - piece.first_seq + 1
    total = sum(waiting.values())
    described = {name: counters.get(name, 0) for name in COUNTERS}
    described["unsent"] = total
    described["acked"] = described["stored"] - total
    return {
        **described,
        "oldest_unsent_s": None if oldest is None else max(0, now - oldest),
        "gaps": [list(gap) for gap in store.evidence.gaps()],
        "devices": [_describe_device(store, row, waiting, now) for row in store.parcels.devices()],
        "packages": [
            {"device": device, "role": ROLE_NAMES[role], "authority": authority, "version": version}
            for device, role, authority, version in store.parcels.held()
        ],
    }


def describe_versions(store: Store) -> dict[str, dict[str, int]]:
    """Return what each device last said it runs, and how far its journal goes, by its number."""
    described = {}
    for device, epoch, statement, _, _ in store.parcels.devices():
        said = messages.STATEMENT.unpack(statement)
        names = (*VERSIONS, "head_seq")
        described[str(device)] = {**{name: said[name] for name in names}, "epoch": epoch}
    return described


def describe_dock(session: DockSession, port: str) -> dict[str, Any]:
    """Return what a dock is doing, and what the device in it last said."""
    noise = session.frames
    return {
        "name": session.name,
        "port": port,
        "state": session.state,
        "device": session.device,
        "drained": session.is_drained,
        "pulled": session.pulled,
        "problem": session.problem,
        "refused_frames": session.refused_frames,
        "noise": {
            "garbled": noise.garbled,
            "bad_crc": noise.bad_crc,
            "overlong": noise.overlong,
        },
        "installed": session.installed,
        "refused_packages": session.refused_packages,
    }


def write_status(path: Path, status: Mapping[str, Any]) -> None:
    """Replace the status file: a reader sees the old one or the new one, never half."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(status, indent=1) + "\n", encoding="utf-8")
    os.replace(new, path)


def as_table(status: Mapping[str, Any]) -> str:
    """Return the status for people, one line a dock and a device."""
    broker = status["broker"]
    lines = [
        f"edge    {status['edge']}, "
        + (f"running, pid {status['pid']}" if status["running"] else "stopped"),
        f"store   {status['store']}",
        f"broker  {'connected' if broker['connected'] else broker['problem']}",
        f"outbox  {status['unsent']} unsent, {status['acked']} acknowledged,"
        f" {status['deleted']} deleted" + _oldest(status["oldest_unsent_s"]),
        _refused(status),
        "",
        f"{'dock':<12}{'state':<10}{'device':>8}  {'safe to take':<14}problem",
    ]
    for dock in status["docks"]:
        safe = "yes" if dock["drained"] else "not yet" if dock["device"] is not None else "-"
        device = "-" if dock["device"] is None else dock["device"]
        lines.append(
            f"{dock['name']:<12}{dock['state']:<10}{device:>8}  {safe:<14}{dock['problem']}"
        )
    lines += [
        "",
        f"{'device':>8}{'journal':>10}{'stored':>10}{'acked':>10}{'unsent':>8}{'cash':>10}",
    ]
    for row in status["devices"]:
        lines.append(
            f"{row['device']:>8}{row['head_seq']:>10}{row['stored_seq']:>10}{row['acked_seq']:>10}"
            f"{row['unsent']:>8}{row['cash_cents'] / 100:>10.2f}"
        )
    lines += [f"gap: device {d} epoch {e}: seq {a} to {b} missing" for d, e, a, b in status["gaps"]]
    return "\n".join(lines)


def _describe_device(
    store: Store,
    row: tuple[int, int, bytes, str, int],
    waiting: Mapping[tuple[int, int], int],
    now: int,
) -> dict[str, Any]:
    device, epoch, statement, dock, seen_at = row
    said = messages.STATEMENT.unpack(statement)
    head = store.outbox.head(device, epoch)
    mark = store.marks.of(device, epoch)
    return {
        "device": device,
        "epoch": epoch,
        "dock": dock,
        "seen_unix": to_unix(seen_at),
        "seen_s": max(0, now - seen_at),
        "head_seq": said["head_seq"],
        "stored_seq": head.seq if head else 0,
        "acked_seq": mark.acked_seq if mark else 0,
        "acked_on_device": said["acked_seq"],
        "incarnation": mark.incarnation if mark else 0,
        "unsent": waiting.get((device, epoch), 0),
        "cash_cents": said["cash_cents"],
        "flags": said["flags"],
        **{name: said[name] for name in VERSIONS},
    }


def _oldest(seconds: int | None) -> str:
    return "" if seconds is None else f", oldest waits {seconds} s"


def _refused(status: Mapping[str, Any]) -> str:
    names: Sequence[str] = COUNTERS[2:]
    counted = [f"{status[name]} {name.replace('_', ' ')}" for name in names if status[name]]
    return "refused " + (", ".join(counted) if counted else "nothing")
