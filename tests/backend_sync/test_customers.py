"""Customers of one authority: what is kept of them, who sees it, and how it is forgotten."""

import io
import json

import pytest

from backend_sync.cli import main
from backend_sync.customers.people import CustomerRefused, entitled
from backend_sync.customers.population import NO_ANSWER, NOT_FOUND, OTHER, SAME, FileRegister
from backend_sync.storage.subject_keys import SubjectKeysError
from tests.backend_sync.service_desk import AINO, DAY_SECONDS, NOON, uid_of


@pytest.mark.requirement("W-25", "W-26", "W-101", "W-147")
def test_people_and_companies_are_registered_changed_and_listed(desk):
    aino = desk.add()
    company = desk.add("legal", name="Laiva Oy", business_id="1234567-8", billing_name="Laiva Oy")
    desk.customers.change(aino, {"email": "", "phone": "+358 40 1"})
    assert desk.customers.show(aino).document["fields"] == {
        "name": "Aino Virtanen", "town": "Kuopio", "phone": "+358 40 1",
    }  # fmt: skip
    found = {(c.number, c.person) for c in desk.customers.everyone()}
    assert found == {(aino, "natural"), (company, "legal")}


@pytest.mark.requirement("W-25", "W-147")
def test_a_customer_of_another_authority_is_as_absent_as_none(desk):
    aino = desk.add()
    other = desk.controller(7)
    with pytest.raises(CustomerRefused) as absent:
        other.show(aino)
    with pytest.raises(CustomerRefused) as nobody:
        other.show(aino + 1)
    assert str(absent.value).replace(str(aino), "") == str(nobody.value).replace(str(aino + 1), "")
    assert list(other.everyone()) == []
    for forbidden in (lambda: other.change(aino, {"town": "Oulu"}),
                      lambda: other.erase(aino, desk.links)):  # fmt: skip
        with pytest.raises(CustomerRefused):
            forbidden()
    assert desk.customers.show(aino).document["fields"] == AINO


@pytest.mark.requirement("W-101")
@pytest.mark.parametrize(
    ("person", "fields", "words"),
    [
        ("natural", {"email": "a@b"}, "name: missing"),
        ("legal", {"name": "Laiva Oy"}, "business_id: missing"),
        ("natural", {"name": "A", "uid": "04"}, "no field of a natural person"),
        ("natural", {"name": "A", "business_id": "1"}, "no field of a natural person"),
        ("natural", {"name": "A", "town": "x" * 201}, "town: wanted up to 200"),
        ("natural", {"name": "A", "town": 5}, "town: wanted up to 200"),
        ("natural", {"name": "A\n"}, "name: wanted up to 200"),
        ("robot", {"name": "A"}, "person 'robot'"),
    ],
)
def test_what_does_not_fit_is_refused_and_nobody_of_the_list_is_registered(
    desk, person, fields, words
):
    with pytest.raises(CustomerRefused, match=words):
        desk.customers.register([("natural", AINO), (person, fields)])
    assert list(desk.customers.everyone()) == []
    assert desk.customers.keys.subjects() == set()


@pytest.mark.requirement("W-101")
def test_numbers_that_nobody_was_given_are_refused_in_words(desk):
    for number in (-1, 1 << 62, 1 << 200):
        with pytest.raises(CustomerRefused, match="none such"):
            desk.customers.show(number)
    for authority in (-1, 256):
        with pytest.raises(CustomerRefused, match=r"wanted 0\.\.255"):
            desk.controller(authority)
    for municipality in ("", "x" * 201, "\ud800"):
        with pytest.raises(CustomerRefused, match="printable"):
            desk.customers.check_municipality(desk.add(), None, "", municipality)


@pytest.mark.requirement("W-102", "W-113")
def test_of_the_municipality_check_the_word_and_the_month_are_kept(desk, tmp_path):
    aino = desk.add()
    register = FileRegister(tmp_path / "population.csv")

    def ask(identity):
        return desk.customers.check_municipality(aino, register, identity, "Kuopio")

    assert ask("010190-123A") == NO_ANSWER
    assert desk.customers.show(aino).document["municipality"] == {}
    (tmp_path / "population.csv").write_text("010190-123A;KUOPIO\n020202A456B;Oulu\n")
    assert [ask("999"), ask("020202A456B"), ask("010190-123a")] == [NOT_FOUND, OTHER, SAME]
    kept = desk.customers.show(aino).document
    assert kept["municipality"] == {"asked": "Kuopio", "answer": SAME, "month": "2026-11"}
    assert "010190" not in json.dumps(kept)
    for broken in ("010190-123A;Kuopio\n020202A4", "1;" + "x" * 200_000):
        (tmp_path / "population.csv").write_text(broken)
        assert ask("010190-123A") == NO_ANSWER  # half a file says nothing
    assert desk.customers.show(aino).document["municipality"]["answer"] == SAME


@pytest.mark.requirement("W-103")
def test_a_proof_counts_to_its_last_month(desk):
    aino = desk.add()
    desk.customers.prove(aino, "student", "2027-01")
    document = desk.customers.show(aino).document
    for month, valid in (("2026-11", True), ("2027-01", True), ("2027-02", False)):
        assert entitled(document, "student", month) is valid
    assert not entitled(document, "senior", "2026-11")
    for until, words in (("2026-10", "was valid until 2026-10"), ("2026-13", "wanted YYYY-MM")):
        with pytest.raises(CustomerRefused, match=words):
            desk.customers.prove(aino, "senior", until)


@pytest.mark.requirement("W-147")
def test_consents_are_kept_with_their_month_and_can_be_withdrawn(desk):
    aino = desk.add()
    desk.customers.consent(aino, "newsletter", True)
    desk.clock.now += 30 * 86_400
    desk.customers.consent(aino, "newsletter", False)
    assert desk.customers.show(aino).document["consents"] == {
        "newsletter": {"given": False, "month": "2026-12"}
    }


@pytest.mark.requirement("W-148")
def test_of_sales_only_month_and_class_of_what_is_invoiced_are_kept(desk):
    aino, company = desk.add(), desk.add("legal", business_id="1", billing_name="Laiva Oy")
    with pytest.raises(CustomerRefused, match="only what is invoiced"):
        desk.customers.invoice(aino, "load")
    for sale in ("season", "load", "load"):
        desk.customers.invoice(company, sale)
    assert desk.customers.show(company).document["invoiced"] == {"2026-11": ["load", "season"]}


@pytest.mark.requirement("W-146", "W-147")
def test_the_database_without_its_keys_tells_nothing(desk):
    desk.add(), desk.add(name="Ab", town="Y")
    rows = desk.customers.database.rows("SELECT * FROM customers")
    assert all(b"Aino" not in bytes(row[3]) and b"name" not in bytes(row[3]) for row in rows)
    assert len({len(bytes(row[3])) for row in rows}) == 1  # nor do lengths


@pytest.mark.requirement("W-147")
def test_a_row_put_in_anothers_place_is_refused(desk):
    one, two = desk.add(), desk.add(name="Bo")
    database = desk.customers.database
    with database.transaction():
        sql = "UPDATE customers SET document = (SELECT document FROM customers WHERE customer = ?)"
        database.run(f"{sql} WHERE customer = ?", [(one, two)])
    with pytest.raises(SubjectKeysError, match="does not open"):
        desk.customers.show(two)


@pytest.mark.requirement("D24", "W-147")
def test_what_is_of_long_ago_is_taken_away_and_nothing_else(desk, tmp_path):
    (tmp_path / "people.csv").write_text("1;Kuopio\n")
    number, other = desk.add(billing_name="Aino Virtanen"), desk.add()
    desk.customers.check_municipality(number, FileRegister(tmp_path / "people.csv"), "1", "Kuopio")
    desk.customers.prove(number, "student", "2027-01")
    desk.customers.prove(number, "senior", "2060-01")
    desk.customers.invoice(number, "season")
    desk.customers.consent(number, "survey", False)

    def kept(months):
        desk.clock.now = NOON + months * 30 * DAY_SECONDS
        count = desk.customers.retain()
        document = desk.customers.show(number).document
        return (
            count,
            sorted(document["proofs"]),
            len(document["invoiced"]),
            len(document["municipality"]),
        )

    assert kept(2) == (0, ["senior", "student"], 1, 3)  # January 2027
    assert kept(3) == (1, ["senior"], 1, 3)
    assert kept(6) == (0, ["senior"], 1, 3)  # May 2027
    assert kept(8) == (1, ["senior"], 0, 3)  # July
    assert kept(14) == (1, ["senior"], 0, 0)  # January 2028
    document = desk.customers.show(number).document
    assert document["consents"]["survey"] == {"given": False, "month": "2026-11"}
    assert document["fields"] == {**AINO, "billing_name": "Aino Virtanen"}
    assert desk.customers.show(other).document["fields"] == AINO


@pytest.mark.requirement("W-101", "W-104")
def test_the_commands_take_a_customer_from_the_first_day_to_the_last(tmp_path, monkeypatch, capsys):
    folders = {name: str(tmp_path / name) for name in ("keyring", "customers", "links")}
    links = ["--links", folders["links"], "--keyring", folders["keyring"]]
    (tmp_path / "people.csv").write_text("1;Kuopio\n")

    def run(*arguments, said=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(said))
        code = main([str(a) for a in arguments])
        heard = capsys.readouterr()
        return code, heard.out.strip(), heard.err

    def customers(command, *rest, said=""):
        return run("customers", command, folders["customers"], *rest, said=said)

    assert run("keyring", "init", folders["keyring"])[0] == 0
    assert customers("init")[0] == 0
    assert run("links", "init", folders["links"])[0] == 0
    _, number, _ = customers("add", "-", said=json.dumps(AINO))
    assert customers("check", number, "Kuopio", "--population", tmp_path / "people.csv",
                     said="1\n")[:2] == (0, SAME)  # fmt: skip
    assert customers("proof", number, "senior", "--until", "2060-01")[0] == 0
    assert customers("consent", number, "survey", "yes")[0] == 0
    assert customers("change", number, "-", said='{"town": "Oulu"}')[0] == 0
    code, handle, _ = customers("link-card", number, *links, "--uid", uid_of(5).hex())
    assert code == 0 and json.loads(customers("show", number)[1])["handles"] == [handle]
    ask = ("links", "ask", folders["links"], "own-trips", handle, "--by", "eva", *links[2:])
    code, out, _ = run(*ask, "--card", uid_of(5).hex())
    assert code == 0 and out.startswith("events ")
    code, _, err = run(*ask, "--card", uid_of(6).hex())
    assert code == 1 and "not the one that is linked" in err
    assert "3 lines, 0 wrong" in run("links", "verify", folders["links"])[1]
    assert customers("list")[1] == f"{number} natural Aino Virtanen"
    assert customers("list", "--authority", "2")[1] == ""
    code, out, _ = customers("erase", number, *links)
    assert customers("erased", out.split()[-1])[0] == 0
    assert customers("erased", "00" * 16)[0] == 1
    assert customers("show", number)[0] == 1 and customers("list")[1] == ""
    assert customers("add", "-", said="{")[2].startswith("customers: -: no JSON")
    assert customers("init")[2].count("never overwritten") == 1
