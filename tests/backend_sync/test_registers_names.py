"""A number has the name of its day; who may say it, and what is no name."""

import pytest
from sqlalchemy import create_engine, text

from backend_sync.registers.main import main
from backend_sync.registers.names import every_name, holding, name_it, said
from backend_sync.registers.refusals import Refused
from backend_sync.registers.verify import verify
from tests.backend_sync.builders import AUTHORITY
from tests.backend_sync.registers_world import CHEAP, RegistersWorld, secret_file, verified


@pytest.fixture
def world():
    with verified() as made:
        yield made


def told(world, name, day=0, number=10, kind="operator", by=None, authority=AUTHORITY):
    return name_it(world.trail, by or world.anna, authority, kind, number, name, day)


@pytest.mark.requirement("W-5", "W-122", "W-151")
def test_a_number_keeps_the_name_of_its_day(world):
    told(world, "Koivula Buses")
    told(world, "Koivula  Travel ", 2300)
    told(world, "The old name", 100)  # said later, about earlier
    found = said(world.database, AUTHORITY, "operator", [10, 11])
    names = [holding(found, day).get(10) for day in (0, 99, 100, 2299, 2300, 9000)]
    assert names == ["Koivula Buses"] * 2 + ["The old name"] * 2 + ["Koivula Travel"] * 2
    assert 11 not in holding(found, 2300)
    assert told(world, "Koivula Travel", 2300).id == 2  # the same again
    told(world, "Koivula Lines", 2300)
    assert holding(said(world.database, AUTHORITY, "operator", [10]), 2300) == {10: "Koivula Lines"}
    listed = [(row.name, row.from_day) for row in every_name(world.database, AUTHORITY)]
    assert listed == [("Koivula Buses", 0), ("The old name", 100), ("Koivula Lines", 2300)]


@pytest.mark.requirement("W-10", "X-14")
@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("", {}, "wanted 1 to 60 characters"),
        ("10", {}, "with a letter among them"),
        ("a\u202eb", {}, "wanted 1 to 60"),
        ("x" * 61, {}, "wanted 1 to 60"),
        ("Bus", {"number": 0}, "operator 0: wanted a number of 1 to 65535"),
        ("Bus", {"kind": "person"}, "kind 'person' is not known; wanted authority, operator"),
        ("Bus", {"day": 20_001}, "wanted one from 2020 to 2074"),
        ("Bus", {"by": "carl"}, "names.change"),
        ("Bus", {"authority": 9}, "names.change"),
    ],
)
def test_what_is_no_name_or_not_his_to_say_is_refused_and_changes_nothing(
    world, name, change, words
):
    before = world.everything()
    with pytest.raises(Refused, match=words):
        told(world, name, **{**change, **({"by": world.carl} if "by" in change else {})})
    assert world.everything() == before


@pytest.mark.requirement("W-5", "X-14")
def test_names_are_said_and_listed_by_command(tmp_path, capsys):
    world = RegistersWorld(f"sqlite:///{tmp_path / 'registers.db'}")
    world.close()
    asked = [str(tmp_path), "--by", "anna", "--secret", str(secret_file(tmp_path))]
    named = ["name", *asked, "--kind", "operator", "--number", "10", "--name"]
    assert main([*named, "Koivula Buses", "--from", "2026-06-01"], CHEAP) == 0
    assert main([*named, "10"], CHEAP) == 1
    assert main([*named, "Bus", "--from", "yesterday"], CHEAP) == 1
    assert "is no date, wanted 2026-06-01; nothing was changed" in capsys.readouterr().err
    assert main(["names", *asked], CHEAP) == 0
    assert "operator  10      Koivula Buses  2026-06-01  anna" in capsys.readouterr().out
    assert main(["names", *asked, "--authority", "9"], CHEAP) == 1


@pytest.mark.requirement("X-14")
def test_a_register_of_before_is_brought_up_to_date_and_verifies(tmp_path):
    """One whose names table is not there yet: the revision before."""
    url = f"sqlite:///{tmp_path / 'registers.db'}"
    RegistersWorld(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE names"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    engine.dispose()
    world = RegistersWorld.__new__(RegistersWorld)
    world.open(url)
    name_it(world.trail, world.users.get("anna"), AUTHORITY, "device", 31, "Counter 1", 0)
    assert verify(world.database) == []
    world.close()
