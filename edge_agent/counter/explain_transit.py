"""Our own application on a DESFire card: every field of V, C, A, S, P, T, J and G, and the rules
that tie them together, each checked and said in words.

h can be checked only with the K_chain of the device that wrote a record: the ledger has it.
Source: SPEC.md section 2; rules I1..I15 of trust.md.
"""

from typing import Any

from card_layouts.cards.card_layout import (
    CARD_LAYOUT,
    FILE_A,
    FILE_C,
    FILE_G,
    FILE_J,
    FILE_P,
    FILE_S,
    FILE_T,
    FILE_V,
    KIND_ISSUE,
    M_EMPTY,
    P_HEADER,
    P_SLOT,
    P_SLOT_BYTES,
    P_SLOTS,
    RECORD_LAYOUT,
    G,
    J,
    S,
    T,
    p_slot_at,
)
from card_layouts.cards.counter import COUNTER_START, KILLED_B, counter_b_n
from card_layouts.cards.transit_app import BACKUP, CYCLIC, FILES, KEY_COUNT, SETTINGS, VALUE
from card_layouts.cards.transit_record import SUM_MASK
from card_layouts.codec.bits import Layout
from card_layouts.errors import LayoutError
from edge_agent.counter.card_contents import CardApplication, CardFile
from edge_agent.counter.explain_desfire import explain_application, explain_file, file_rows
from edge_agent.counter.explain_fields import KINDS, cents, explain_layout
from edge_agent.counter.explain_page import HOLDS, OPEN, WRONG, Section
from edge_agent.counter.explain_summary import Fields, summary
from edge_agent.counter.explain_words import number_of

FILE_NAMES = {
    FILE_V: ("V", "purse: the money"),
    FILE_C: ("C", "transaction counter n and block generation b"),
    FILE_A: ("A", "action counter a"),
    FILE_S: ("S", "card head"),
    FILE_P: ("P", "rights as sold"),
    FILE_T: ("T", "usage of the rights"),
    FILE_J: ("J", "the inspector's copy"),
    FILE_G: ("G", "log of the last transactions"),
}
KEY_NAMES = ("K0 master", "K1 validator", "K2 counter", "K3 inspector", "K4 key changes")
ACTION_MASK = (1 << 12) - 1
TYPE_NAMES = {VALUE: "value", BACKUP: "backup", CYCLIC: "cyclic"}


def explain_transit(app: CardApplication) -> list[Section]:
    """Return the sections of our application; the summary with the rules comes first."""
    return _Transit(app).sections()


class _Transit:
    """Collects the sections, and the fields that the summary speaks of."""

    def __init__(self, app: CardApplication) -> None:
        self.app = app
        self.fields = Fields()

    def sections(self) -> list[Section]:
        parts = [self._application()]
        for number in FILE_NAMES:
            file = self.app.file(number)
            if file is not None:
                parts += self._file(number, file)
        for file in self.app.files:
            if file.number not in FILE_NAMES:
                parts += explain_file(file)
        return [summary(self.app, self.fields), *parts]

    def _application(self) -> Section:
        number = number_of(self.app.aid)
        section = explain_application(self.app, f"Transit application {number:06X}")
        section.source = "SPEC.md section 2"
        cluster, generation = number >> 4 & 0xFFFF, number & 15
        section.add("cluster", f"{cluster:04x}", "of the scheme")
        section.add("generation", f"{generation:x}", "of the master keys [D10]")
        section.rows = [row for row in section.rows if row.name != "files"]
        if self.app.settings is not None:
            section.check(
                self.app.settings == SETTINGS,
                f"settings {SETTINGS:02x} as SPEC.md wants them",
                f"settings {self.app.settings:02x}, SPEC.md wants {SETTINGS:02x}",
            )
        if self.app.key_versions is not None:
            count = len(self.app.key_versions)
            right = f"{KEY_COUNT} keys: " + ", ".join(KEY_NAMES)
            section.check(count == KEY_COUNT, right, f"{count} keys, SPEC.md wants {KEY_COUNT}")
        for i in range(0, len(FILES), 4):
            self._check_file(section, *FILES[i : i + 4])
        return section

    def _check_file(self, section: Section, number: int, kind: int, rights: int, size: int) -> None:
        file, name = self.app.file(number), FILE_NAMES[number][0]
        if file is None:
            mark = OPEN if self.app.unread else WRONG
            section.remark(mark, f"file {name} (number {number}) is missing")
            return
        found = (file.kind, file.rights, file.size_bytes or 0)
        if file.rights is not None and found != (TYPE_NAMES[kind], rights, size):
            wanted = f"{TYPE_NAMES[kind]} {rights:04x} {size}"
            shown = f"{found[0]} {found[1]:04x} {found[2]}"
            section.remark(WRONG, f"file {name} is {shown}, SPEC.md wants {wanted}")

    def _file(self, number: int, file: CardFile) -> list[Section]:
        name, what = FILE_NAMES[number]
        section = Section(f"File {name} (number {number}): {what}", level=2)
        readers = {
            FILE_V: self._v,
            FILE_C: self._c,
            FILE_A: self._a,
            FILE_S: self._s,
            FILE_P: self._p,
            FILE_T: self._t,
            FILE_J: self._j,
            FILE_G: self._g,
        }
        file_rows(section, file)
        wanted = next(FILES[i + 1] for i in range(0, len(FILES), 4) if FILES[i] == number)
        if file.kind != TYPE_NAMES[wanted]:
            return explain_file(file, section.title)
        if file.value is None and file.data is None and file.records is None:
            return [section]
        try:
            return [section, *readers[number](section, file)]
        except LayoutError as error:
            section.remark(WRONG, f"does not fit its layout: {error}")
            section.data = file.data or b"".join(file.records or ())
            return [section]

    def _v(self, section: Section, file: CardFile) -> list[Section]:
        assert file.value is not None, "a value file that was read has a value"
        section.add("balance", "", cents(file.value))
        return []

    def _c(self, section: Section, file: CardFile) -> list[Section]:
        b, n = counter_b_n(file.value)
        counted = "no longer told" if b == KILLED_B else f"{n} transactions"
        section.add("n", f"{n:06x}", f"{counted} [I1 I2]")
        dead = "killed: the card is dead" if b == KILLED_B else f"{b} block generations"
        section.add("b", f"{b:02x}", f"{dead} [I15]")
        return []

    def _a(self, section: Section, file: CardFile) -> list[Section]:
        assert file.value is not None, "a value file that was read has a value"
        a = COUNTER_START - file.value
        section.add("a", f"{a & 0xFFFFFFFF:x}", f"{a} actions (loads, sales, ...) done [I11]")
        return []

    def _s(self, section: Section, file: CardFile) -> list[Section]:
        if not self._known_layout(section, S, file.data or b"", CARD_LAYOUT):
            return []
        self.fields.head = explain_layout(section, S, file.data or b"")
        section.source = "SPEC.md section 2, table S"
        return []

    def _p(self, section: Section, file: CardFile) -> list[Section]:
        data = file.data or b""
        if not self._known_layout(section, P_HEADER, data, CARD_LAYOUT):
            return []
        section.source = "SPEC.md section 2, table P_HEADER"
        explain_layout(section, P_HEADER, data[: P_HEADER.size])
        parts = []
        for index in range(P_SLOTS):
            at = p_slot_at(index)
            part = Section(f"Right {index} (bytes {at}..{at + 23} of P)", level=3)
            part.source = "table P_SLOT"
            values = explain_layout(part, P_SLOT, data[at : at + P_SLOT_BYTES])
            self.fields.rights.append(values)
            part.title += ": empty" if values["mechanism"] == M_EMPTY else ""
            part.blank = not any(data[at : at + P_SLOT_BYTES])
            parts.append(part)
        return parts

    def _t(self, section: Section, file: CardFile) -> list[Section]:
        if not self._known_layout(section, T, file.data or b"", CARD_LAYOUT):
            return []
        self.fields.usage = explain_layout(section, T, file.data or b"")
        section.source = "SPEC.md section 2, table T"
        return []

    def _j(self, section: Section, file: CardFile) -> list[Section]:
        data = file.data or b""
        values = explain_layout(section, J, data)
        section.source = "SPEC.md section 2, table J"
        parts = []
        head = self.app.file(FILE_S)
        if head is not None and head.data is not None:
            same = values["S"] == head.data
            section.check(same, "S is the same as file S", "S differs from file S")
            if not same:
                parts.append(_copy("S in J", S, values["S"]))
        for name in ("slot_a", "slot_b"):
            parts.append(_copy(f"{name} of J", P_SLOT, values[name]))
            section.remark(*self._slot_origin(name, values[name]))
        return parts

    def _slot_origin(self, name: str, copy: bytes) -> tuple[str, str]:
        if not any(copy):
            return HOLDS, f"{name} is empty"
        rights = self.app.file(FILE_P)
        index = P_SLOT.get(copy, "slot")
        if rights is None or rights.data is None:
            return OPEN, f"{name} says right {index}; file P is not known"
        at = p_slot_at(index)
        if rights.data[at : at + P_SLOT_BYTES] == copy:
            return HOLDS, f"{name} is the same as right {index} of P"
        return WRONG, f"{name} differs from right {index} of P"

    def _g(self, section: Section, file: CardFile) -> list[Section]:
        records = file.records or ()
        parts = []
        for age, record in enumerate(records):
            newest = ", newest" if age == len(records) - 1 else ""
            part = Section(f"Record {age + 1} of {len(records)}{newest}", "table G", 3)
            if self._known_layout(part, G, record, RECORD_LAYOUT):
                values = explain_layout(part, G, record)
                self.fields.records.append(values)
                kind = KINDS.get(values["kind"], "unknown kind")
                part.title = f"Record n = {values['n']} ({age + 1} of {len(records)}{newest})"
                part.title += f": {kind} {cents(values['amount'])}"
            parts.append(part)
        if len(self.fields.records) == len(records):
            _check_chain(section, self.fields.records)
        return parts

    def _known_layout(self, section: Section, layout: Layout, data: bytes, known: int) -> bool:
        """Return whether the fields can be read; if not, show the bytes and say why."""
        if len(data) < layout.size:
            raise LayoutError(f"{layout.name}: {len(data)} bytes, {layout.size} wanted")
        number = layout.get(data, "layout")
        if number == known:
            return True
        section.data = data
        why = "never written" if number == 0 else f"of layout {number}"
        section.remark(OPEN, f"{why}: this program knows layout {known} of {layout.name} only")
        return False


def _copy(title: str, layout: Layout, data: bytes) -> Section:
    section = Section(title, f"table {layout.name}", 3)
    explain_layout(section, layout, data)
    section.blank = not any(data)
    return section


def _check_chain(section: Section, records: list[dict[str, Any]]) -> None:
    """Say whether the records follow one another: n, b, D and L tell without any key."""
    for before, after in zip(records, records[1:], strict=False):
        step = f"n {before['n']} -> {after['n']}"
        if after["n"] != before["n"] + 1:
            section.remark(WRONG, f"{step}: the records do not follow one another [I2]")
        if after["b"] < before["b"]:
            section.remark(WRONG, f"{step}: b falls from {before['b']} to {after['b']} [I15]")
        moved = (after["D"] - before["D"]) & SUM_MASK, (after["L"] - before["L"]) & SUM_MASK
        if after["kind"] != KIND_ISSUE and sum(moved) not in (0, after["amount"]):
            text = f"{step}: D and L moved by {cents(moved[0])} and {cents(moved[1])}"
            section.remark(WRONG, f"{text}, the amount is {cents(after['amount'])} [I1]")
    if len(records) > 1 and not section.remarks:
        span = f"n = {records[0]['n']}..{records[-1]['n']}"
        section.remark(HOLDS, f"the records follow one another, {span}; D and L fit the amounts")
