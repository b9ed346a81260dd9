"""A small feed of our own as a dict of texts, and folders and zips made of it."""

import zipfile
from pathlib import Path

SMALL = {
    "agency.txt": "agency_id,agency_name,agency_timezone\n1,Harbour Bus,Europe/Helsinki\n",
    "stops.txt": "stop_id,stop_name,zone_id\na,Quay,A\nb,Square,B\nc,Hill,C\n",
    "routes.txt": "route_id,route_short_name\nr,1\n",
    "trips.txt": "route_id,trip_id,service_id,direction_id,block_id\nr,t,daily,0,k1\n",
    "stop_times.txt": "trip_id,stop_id,stop_sequence,arrival_time,departure_time\n"
    "t,a,1,08:00:00,08:00:00\nt,b,2,08:05:00,08:06:00\nt,c,3,08:11:00,08:11:00\n",
    "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,"
    "start_date,end_date\ndaily,1,1,1,1,1,1,1,20260101,20260107\n",
}


def folder(path: Path, **changes: str | bytes | None) -> Path:
    """Write SMALL with `changes` (stops="..." replaces stops.txt, None leaves it out) to `path`."""
    path.mkdir(parents=True, exist_ok=True)
    for name, text in _merged(changes).items():
        data = text if isinstance(text, bytes) else text.encode()
        (path / name).write_bytes(data)
    return path


def archive(path: Path, **changes: str | bytes | None) -> Path:
    """Write the same as one zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in _merged(changes).items():
            packed.writestr(name, text)
    return path


def _merged(changes: dict[str, str | bytes | None]) -> dict[str, str | bytes]:
    merged: dict[str, str | bytes | None] = dict(SMALL)
    merged.update({f"{name}.txt": text for name, text in changes.items()})
    return {name: text for name, text in merged.items() if text is not None}


def calls(*rows: str) -> str:
    """Return a stop_times.txt of "trip,stop,order,departure" rows."""
    return "trip_id,stop_id,stop_sequence,departure_time\n" + "".join(f"{r}\n" for r in rows)
