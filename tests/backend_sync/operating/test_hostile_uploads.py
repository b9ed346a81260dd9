"""Zips that mean harm, or are no feed: a sentence, and nothing is changed."""

import io
import stat
import warnings
import zipfile

import pytest

from backend_sync.operating import archive as rules
from backend_sync.operating import zips
from backend_sync.operating.refusals import OperatingRefused
from tests.backend_sync.feed_files import SMALL
from tests.backend_sync.operating.planners import OLLI, TEN, YEAR, Planning


@pytest.fixture(scope="module")
def planning(tmp_path_factory):
    made = Planning(tmp_path_factory.mktemp("hostile"))
    made.upload()
    yield made
    made.operating.database.close()


def packed(*members):
    """Return a zip of the small feed and `members`: (name or ZipInfo, text)."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in {**SMALL, "calendar.txt": YEAR}.items():
            made.writestr(name, text)
        with warnings.catch_warnings(action="ignore"):  # of a name that stands twice
            for name, text in members:
                made.writestr(name, text)
    return body.getvalue()


def link(name):
    found = zipfile.ZipInfo(name)
    found.external_attr = (stat.S_IFLNK | 0o777) << 16
    return found


def lying(body):
    """Return a zip whose headers say that its largest file has one byte."""
    size = len("x" * 3_000_000).to_bytes(4, "little")
    assert body.count(size) == 2  # before the file and in the list
    return body.replace(size, (1).to_bytes(4, "little"))


GOOD = packed()
HOSTILE = {
    "slip": (packed(("../evil.txt", "x")), "a path out of the archive"),
    "slip backwards": (packed(("..\\evil.txt", "x")), "a path out of the archive"),
    "absolute": (packed(("/etc/cron.d/evil", "x")), "a path out of the archive"),
    "drive": (packed(("C:\\evil.txt", "x")), "a path out of the archive"),
    "folder": (packed(("feed/stops.txt", "x")), "holds 'feed/stops.txt'; wanted tables"),
    "program": (packed(("run.exe", "x")), "holds 'run.exe'; wanted tables"),
    "page": (packed(("stops.txt.html", "x")), "holds 'stops.txt.html'"),
    "bomb": (packed(("notes.txt", "0" * 3_000_000)), "bytes would unpack to 3000000"),
    "bomb unseen": (packed(("locations.geojson", "0" * 3_000_000)), "would unpack to"),
    "lying bomb": (lying(packed(("locations.geojson", "x" * 3_000_000))), "breaks off|not read"),
    "link": (packed((link("notes.txt"), "/etc/passwd")), "a symbolic link"),
    "twice": (packed(("stops.txt", SMALL["stops.txt"])), "2 files of that name"),
    "many": (packed(*((f"n{i}.txt", "a\n") for i in range(120))), "wanted at most 100"),
    "no zip": (b"stop_id,stop_name\na,Quay\n", "not a readable zip"),
    "nothing": (b"", "not a readable zip"),
    "picture": (b"\x89PNG\r\n\x1a\n" + b"\0" * 500, "not a readable zip"),
    "truncated": (GOOD[: len(GOOD) // 2], "not a readable zip"),
    "bit rot": (GOOD[:60] + bytes((GOOD[60] ^ 0xFF,)) + GOOD[61:],
                "agency.txt:.*while decompressing"),
    "formula": (packed(("notes.txt", "a,b\n1,=HYPERLINK(\"http://e.x\")\n")),
                "notes.txt:2: 'b' '=HYPERLINK.* begins like a formula"),
    "formula at": (packed(("notes.txt", "a\n@SUM(1)\n")), "notes.txt:2: 'a' '@SUM"),
    "formula plus": (packed(("notes.txt", "a\n+1+cmd|x!A0\n")), "begins like a formula"),
    "formula minus": (packed(("notes.txt", "a\n-2+3+cmd\n")), "begins like a formula"),
    "formula hidden": (packed(("notes.txt", "a\n\"\t =1+1\"\n")), "begins like a formula"),
    "rubbish": (packed(("notes.txt", "a,b\n1,\"2\n")), "notes.txt:2: "),
    "rubbish wide": (packed(("notes.txt", "a,b\n1,2,3\n")), "notes.txt:2: 3 values under 2"),
    "no text": (packed(("notes.txt", b"a\n\xff\xfe\n")), "notes.txt:2: not UTF-8"),
    "zeros": (packed(("notes.txt", "a\nb\0\n")), "notes.txt:2: a NUL"),
}  # fmt: skip


@pytest.mark.requirement("T22", "W-20", "W-140")
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_zip_is_refused_in_a_sentence_and_changes_nothing(planning, kind):
    body, words = HOSTILE[kind]
    before = planning.everything()
    with pytest.raises(OperatingRefused, match=words) as refused:
        planning.upload(body=body)
    assert planning.everything() == before
    said = str(refused.value)
    assert said.isprintable() and str(planning.folder) not in said


@pytest.mark.requirement("T22", "W-20")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stops": None}, "no stops.txt; wanted the files of a GTFS feed"),
        ({"stops": "stop_id,stop_name\na,Quay\nb\na,x\n"}, "stops.txt:4: stop_id 'a' stands twice"),
        ({"stops": "stop_id,stop_name\na,=1+1\nb,x\nc,y\n"}, "stops.txt:2: 'stop_name' '=1"),
        ({"trips": "route_id,trip_id,service_id\nz,t,daily\n"}, "trips.txt:2: route_id 'z'"),
        ({"trips": "route_id,trip_id,service_id\nr,t,never\n"}, "no trip runs on any date"),
        ({"calendar": YEAR.replace("20261231", "20251231")}, "before it starts"),
    ],
)
def test_a_feed_that_does_not_fit_is_refused_by_file_and_line(planning, changes, words):
    before = planning.everything()
    with pytest.raises(OperatingRefused, match=words):
        planning.upload(**changes)
    assert planning.everything() == before


@pytest.mark.requirement("T22")
def test_an_upload_that_is_too_long_is_read_no_further(planning, monkeypatch):
    monkeypatch.setattr(zips, "ZIP_BYTES", 200_000)
    monkeypatch.setattr(rules, "UNPACKED_BYTES", 300)

    class Endless:
        read_bytes = 0

        def read(self, size):
            self.read_bytes += size
            return b"PK" * (size // 2)

    stream, before = Endless(), planning.everything()
    with pytest.raises(OperatingRefused, match="longer than 200,000 bytes"):
        planning.operating.upload(OLLI, "olli", TEN, stream)
    assert stream.read_bytes <= 200_000 + zips.CHUNK
    with pytest.raises(OperatingRefused, match="wanted at most 300"):
        planning.upload(body=packed(("notes.txt", "a\n")))
    assert planning.everything() == before


def test_numbers_telephones_and_dashes_are_no_formulas(planning):
    text = "a,b,c\n-75.12,+48 22 785 21 45,-\n+1,(0) 20,-5\n"
    assert planning.upload(notes=text).number > 1
