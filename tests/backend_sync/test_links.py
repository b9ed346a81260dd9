"""The link service: one audited question at a time, by purpose, and no list of people ever."""

import pytest

from backend_sync.links import purposes as p
from backend_sync.links.epochs import KEEP_DAYS, end_of, epoch_of, spans
from backend_sync.links.purposes import DAY_SECONDS, LinkRefused
from tests.backend_sync.service_desk import NOON, uid_of


@pytest.mark.requirement("T19", "W-148")
def test_own_trips_need_the_card_and_give_a_name_for_each_month(desk):
    _, handle = desk.with_card()
    answer = desk.links.ask(desk.question("own-trips", handle, days=40, card=uid_of(0)))
    assert [a.register for a in answer] == [p.EVENTS, p.EVENTS]
    assert answer[0].span_until == answer[1].span_from == end_of("2026-10")
    (ledger,) = desk.keyring.pseudonyms([uid_of(0)])
    assert len({ledger, answer[0].pseudonym, answer[1].pseudonym}) == 3
    for card in (b"", uid_of(1), uid_of(0)[:4]):
        with pytest.raises(LinkRefused, match="not the one that is linked"):
            desk.links.ask(desk.question("own-trips", handle, card=card))


@pytest.mark.requirement("T19")
def test_a_lost_card_needs_no_card_and_gives_what_freezes_the_account(desk):
    _, handle = desk.with_card()
    (answer,) = desk.links.ask(desk.question("lost-card", handle, days=1))
    assert (answer.register, [answer.pseudonym]) == (p.LEDGER, desk.keyring.pseudonyms([uid_of(0)]))


@pytest.mark.requirement("T19", "X-14")
@pytest.mark.parametrize("approvers", [(), ("olli",), ("olli", "Olli "), ("olli", "EVA")])
def test_a_fraud_case_needs_two_other_people(desk, approvers):
    _, handle = desk.with_card()
    with pytest.raises(LinkRefused, match="two other people"):
        desk.links.ask(desk.question("fraud", handle, approvers=approvers))
    assert desk.links.ask(desk.question("fraud", handle, approvers=("olli", "pia")))


@pytest.mark.requirement("T19")
def test_bulk_long_ranges_and_unknown_handles_are_refused(desk):
    _, handle = desk.with_card()
    for words, question in (
        ("one handle a question", desk.question("lost-card", handle, handles=(handle,) * 2)),
        ("one handle a question", desk.question("lost-card", handle, handles=())),
        ("time range", desk.question("own-trips", handle, days=63, card=uid_of(0))),
        ("time range", desk.question("own-trips", handle, days=0, card=uid_of(0))),
        ("no card is linked", desk.question("lost-card", bytes(16), days=1)),
    ):
        with pytest.raises(LinkRefused, match=words):
            desk.links.ask(question)
    outcomes = [line.outcome for line in desk.links.audit.lines()]
    assert outcomes == [p.ANSWERED, p.BULK, p.BULK, p.RANGE, p.RANGE, p.UNKNOWN]
    for wrong in ({"purpose": "curious"}, {"clerk": " "}, {"clerk": "x" * 65}, {"clerk": "\ud800"},
                  {"span_until": 1 << 70}, {"approvers": ("a", "b", "c")}):  # fmt: skip
        with pytest.raises(LinkRefused, match="wanted one of|names of up to|below 2"):
            desk.links.ask(desk.question("lost-card", handle)._replace(**wrong))


@pytest.mark.requirement("T19", "D11")
def test_a_clerk_has_so_many_questions_a_day_refused_ones_too(desk):
    _, handle = desk.with_card()
    desk.links.quota_per_day = 3
    desk.links.ask(desk.question("lost-card", handle, days=1))
    for _ in range(2):
        with pytest.raises(LinkRefused, match="no card"):
            desk.links.ask(desk.question("lost-card", bytes(16), days=1))
    with pytest.raises(LinkRefused, match="used up"):
        desk.links.ask(desk.question("lost-card", handle, days=1))
    assert desk.links.ask(desk.question("lost-card", handle, days=1, clerk="olli"))
    desk.clock.now += DAY_SECONDS
    assert desk.links.ask(desk.question("lost-card", handle, days=1))


@pytest.mark.requirement("T19", "X-14")
def test_the_subject_reads_who_asked_and_the_chain_names_a_changed_line(desk):
    (_, one), (_, two) = desk.with_card(0), desk.with_card(1)
    for handle in (one, two):
        desk.links.ask(desk.question("lost-card", handle, days=1))
    assert [line.line for line in desk.links.about(one)] == [1, 3]
    number, head = desk.links.audit.head()
    assert desk.links.audit.verify((number, head.hex())) == []
    database = desk.links.database
    for trigger in ("no_update", "no_delete") if database.sqlite else ("append_only",):
        where = "" if database.sqlite else " ON link_audit"
        with database.transaction():
            database.connection.exec_driver_sql(f"DROP TRIGGER link_audit_{trigger}{where}")
    with database.transaction():
        database.run("UPDATE link_audit SET clerk = ? WHERE line = ?", [("olli", 3)])
    assert desk.links.audit.verify() == ["line 3: changed after it was written"]
    with database.transaction():
        database.run("DELETE FROM link_audit WHERE line >= ?", [(3,)])
    assert desk.links.audit.verify() == []
    (cut,) = desk.links.audit.verify((number, head.hex()))
    assert "line 4" in cut and "cut off" in cut


@pytest.mark.requirement("T19")
def test_the_audit_is_append_only(desk):
    desk.with_card()
    database = desk.links.database
    for sql in ("UPDATE link_audit SET clerk = 'x'", "DELETE FROM link_audit"):
        with pytest.raises(Exception, match="append-only"), database.transaction():
            database.connection.exec_driver_sql(sql)


@pytest.mark.requirement("T19")
def test_a_card_is_linked_once_and_again_after_it_was_unlinked(desk):
    number, handle = desk.with_card()
    with pytest.raises(LinkRefused, match="linked already"):
        desk.customers.link_card(desk.add(name="Bo"), desk.links, uid_of(0))
    desk.customers.unlink(number, desk.links, handle)
    assert desk.customers.show(number).document["handles"] == []
    assert desk.links.about(handle) == []
    desk.customers.link_card(number, desk.links, uid_of(0))
    with pytest.raises(LinkRefused, match="wanted 16 and 7"):
        desk.links.link(bytes(16), b"1234")


@pytest.mark.requirement("D24", "W-148")
def test_the_key_of_an_old_month_is_dropped_and_never_drawn_again(desk):
    _, handle = desk.with_card()
    ask = desk.question("own-trips", handle, days=40, card=uid_of(0))
    october, november = (a.pseudonym for a in desk.links.ask(ask))
    assert desk.links.retain() == []
    desk.clock.now = end_of("2026-10") + KEEP_DAYS * DAY_SECONDS
    assert desk.links.retain() == ["2026-10"]
    with pytest.raises(LinkRefused, match="key was dropped"):
        desk.links.ask(ask)
    (still,) = desk.links.ask(ask._replace(span_from=end_of("2026-10")))
    assert still.pseudonym == november != october


@pytest.mark.requirement("W-148")
def test_a_range_is_cut_where_months_end():
    december = end_of("2026-11")
    assert spans(december - 5, december + 5) == [
        ("2026-11", december - 5, december), ("2026-12", december, december + 5),
    ]  # fmt: skip
    assert (epoch_of(0), epoch_of(NOON), end_of("2026-12")) == (
        "2020-01", "2026-11", december + 31 * DAY_SECONDS,
    )  # fmt: skip
