"""`tornello card check-silicon`: asks a real card what we only believe, and keeps its answers.

Every point that rests on public text or on our decision ([P], [?]) is a check: id, question, steps,
what our card answers, what this one answered, verdict. Send us the report of a card that differs.
Lay a DESFire EV1 in factory state on the reader, or an Ultralight C for the one check it has.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from edge_agent.counter.card_read import awaited
from edge_agent.counter.desk import CounterError, Desk, add_reader_option
from edge_agent.counter.silicon_answers import EVIDENCE, NAMES
from edge_agent.counter.silicon_bench import (
    LOST,
    RAW_BYTES_MAX,
    RAW_STEPS,
    SceneFailed,
    SiliconBench,
)
from edge_agent.counter.silicon_points import NOT_ASKED, POINTS
from edge_agent.counter.silicon_special import (
    MEASURED,
    SPECIAL,
    TICKET,
    NotAsked,
    asked_again,
    ats,
    commit_times,
    ticket_counter,
    torn_by_hand,
    value_after_asking,
)
from edge_agent.counter.silicon_trials import trials
from edge_agent.ports import DESFIRE, ULTRALIGHT, ReaderError

SAME, DIFFERENT, MEASURE, LEFT_OUT = "same as model", "DIFFERENT", "measured", "not asked"
UNSURE = "P?"
FIXED = "fixed"  # the scene of a card that can never be formatted again
WAIT_S = 30
CONFIRM = "FORMAT"
WARNING = """\
THIS WIPES THE CARD. Everything on it is lost, again and again; an Ultralight C's counter
goes up by one for ever. Use a test card in factory state, never one that somebody owns."""


class Check(NamedTuple):
    """One question and what came of it."""

    id: str
    question: str
    exchanges: str
    expected: str
    found: str
    verdict: str


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `card check-silicon`."""
    parser.description = f"{parser.description} {WARNING}"
    add_reader_option(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask whether to wipe the card")
    parser.add_argument("--all", action="store_true", help="also what is known from real cards")
    parser.add_argument("--hand", action="store_true", help="also tears by hand: lift it when told")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="keep the answers (.json: JSON)"
    )


def run(options: argparse.Namespace, desk: Desk, ask: Callable[[str], Any] = input) -> int:
    """Ask everything, print what differs, return 0 if nothing does. Raises: CounterError."""
    if not options.yes and _answer(ask, f"{WARNING}\nType {CONFIRM} to go on: ") != CONFIRM:
        raise CounterError("nothing was done")
    reader = desk.open_reader(options.reader)
    about: dict[str, str] = {"reader": reader.name}
    checks: list[Check] = []
    ended: CounterError | ReaderError | None = None
    try:
        found = awaited(reader, WAIT_S)
        about.update(ats=found.ats.hex(), atr=found.atr.hex())
        about.update(atqa=found.atqa.hex(), sak=f"{found.sak:02x}" if found.sak >= 0 else "")
        if found.kind == ULTRALIGHT:
            about["card"] = ULTRALIGHT
            checks.append(_judged(*TICKET[0], "", lambda: ticket_counter(reader, desk.entropy)))
        else:
            bench = SiliconBench(reader, desk.entropy)
            about.update(card=DESFIRE, version=_version(bench))
            for check in _asked(bench, options, desk, ask):
                checks.append(check)
            bench.give_back()
    except (CounterError, ReaderError) as error:
        ended = error  # what was answered is kept all the same
    finally:
        reader.close()
    _print(about, checks)
    if options.report and checks:
        options.report.write_text(_report(options.report, about, checks), encoding="utf-8")
        print(f"{options.report}: written; the card's UID is not in it")
    if ended is not None:
        raise ended
    return 1 if any(check.verdict == DIFFERENT for check in checks) else 0


def _answer(ask: Callable[[str], Any], words: str) -> str:
    try:
        return str(ask(words)).strip()
    except EOFError:
        return ""  # nobody sits there


def _asked(
    bench: SiliconBench, options: argparse.Namespace, desk: Desk, ask: Callable[[str], Any]
) -> Iterator[Check]:
    for command, status, scene, steps in trials():
        if options.all or EVIDENCE[command, status] in UNSURE:
            name, question = f"{command} {status}", f"{NAMES[command]} answers {status}"
            answer = partial(_trial, bench, scene, steps)
            yield _judged(name, question, status, steps, answer)
    for point in POINTS:
        answer = partial(_trial, bench, "card", point.steps, len(point.expected) > 4)
        yield _judged(point.id, point.question, point.expected, point.steps, answer)
    special: dict[str, Callable[[], str]] = {
        "F.1": lambda: ats(bench),
        "7.7": lambda: commit_times(bench, desk.clock),
        "N.1": lambda: asked_again(bench),
        "N.2": lambda: value_after_asking(bench),
        "7.8": lambda: _by_hand(bench, options.hand, ask),
    }
    for name, question, expected in SPECIAL:
        yield _judged(name, question, expected, "", special[name])
    for name, words in NOT_ASKED.items():
        if name.partition(" ")[0] not in NAMES:
            yield Check(name, "", "", "", words, LEFT_OUT)


def _trial(bench: SiliconBench, scene: str, steps: str, whole: bool = False) -> str:
    if scene == FIXED:
        raise NotAsked(NOT_ASKED["FC 9D"])
    if bench.found.atr:  # PC/SC
        for step in steps.split(";"):
            text = step.strip().lstrip("?")
            frame = b"" if text.startswith("@") else bytes.fromhex(text)
            is_iso = frame[:1] == b"\0" or text[1:].startswith(RAW_STEPS)
            if len(frame) > RAW_BYTES_MAX or is_iso:
                raise NotAsked("this frame does not pass PC/SC as it is; use nfcpy:PORT")
    bench.make(scene)
    return bench.run(steps, whole)


def _by_hand(bench: SiliconBench, wanted: bool, ask: Callable[[str], Any]) -> str:
    if not wanted:
        raise NotAsked("needs a hand: --hand")
    return torn_by_hand(bench, ask)


def _judged(
    name: str, question: str, expected: str, steps: str, answer: Callable[[], str]
) -> Check:
    try:
        found = answer()
        if LOST in found:
            found = answer()  # the air may lose an answer; a card that has none loses it twice
    except NotAsked as reason:
        return Check(name, question, steps, expected, str(reason), LEFT_OUT)
    except SceneFailed as error:
        found = f"the card could not be made ready: {error}"
    verdict = MEASURE if expected == MEASURED else SAME if found == expected else DIFFERENT
    return Check(name, question, steps, expected, found, verdict)


def _version(bench: SiliconBench) -> str:
    """Return GetVersion without UID, batch and date: hardware and software."""
    return bytes(bench.talk(bench.session.get_version()))[:14].hex()


def _print(about: dict[str, str], checks: list[Check]) -> None:
    for name, words in about.items():
        print(f"{name:<8} {words or 'not told by the reader'}")
    for check in checks:
        if check.verdict == DIFFERENT:
            print(f"\n{check.id}  {check.question}\n  {check.exchanges}")
            print(f"  our card: {check.expected}   this card: {check.found}")
    counts = Counter(check.verdict for check in checks)
    print(f"\n{len(checks)} checks: " + ", ".join(f"{n} {word}" for word, n in counts.items()))


def _report(path: Path, about: dict[str, str], checks: list[Check]) -> str:
    if path.suffix == ".json":
        rows = [check._asdict() for check in checks]
        return json.dumps({**about, "checks": rows}, indent=1) + "\n"
    lines = [f"{name}: {words}" for name, words in about.items()]
    lines += [
        f"{c.id} | {c.question} | {c.exchanges} | {c.expected} | {c.found} | {c.verdict}"
        for c in checks
    ]
    return "\n".join(lines) + "\n"
