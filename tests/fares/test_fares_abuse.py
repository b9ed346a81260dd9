"""An adversary tries short sequences of taps on every kind of product: what he gains is named.

README.md, section "Abuse", is the report for authorities: what the swap is, what it costs, which
parameter closes it. A gain that is not named there fails, and so does a name that no gain bears.
A sample is tried always; with --full every plot, two taps deep, and many of them three deep.
"""

import dataclasses
import random
import re
import zoneinfo
from pathlib import Path

import pytest

from backend_sync.tariffs.package_writer import write_package
from tests import figures
from tests.fares import asked, oracle, plots, ridden, towns
from tests.fares.engine_side import EngineSide, mounted

README = Path(__file__).with_name("README.md")
DRAWN = ("arcs", "letters", "flat", "region")  # for products that no shipped tariff has
SEED = 11
SAMPLE, DEEP, DEEP_MOVES = 22, 3, 9  # plots of a tariff; of them three taps deep, and their moves
FULL_DEEP = 40


class Found:
    """What a search gained, by the names that explain it."""

    def __init__(self):
        self.tried, self.most, self.bugs = 0, {}, []

    def add(self, plot, gain):
        if not gain.names:
            self.bugs.append(f"{plot}: {told(gain)}")
        if len(gain.names) == 1 and gain.owed - gain.paid > self.most.get(gain.names[0], (0,))[0]:
            self.most[gain.names[0]] = gain.owed - gain.paid, plot, gain

    def lines(self, tariff):
        return [
            f"{tariff:<10}{name:<26}{cents / 100:>6.2f}  {plot}: {told(gain)}"
            for name, (cents, plot, gain) in sorted(self.most.items())
        ]


def told(gain):
    moves = ", then ".join(map(str, gain.moves))
    return f"{moves}: {gain.paid / 100:.2f} for {gain.owed / 100:.2f}"


def searched(side, world, chosen, length, rng=None, moves_most=None):
    """Return the Found of these plots; `moves_most` moves of each at random, all if None."""
    found, zone = Found(), zoneinfo.ZoneInfo(world["book"]["timezone"])
    for plot in chosen:
        adversary, moves = plots.adversary(side, world, plot, zone)
        if moves_most:
            moves = sorted(rng.sample(moves, min(moves_most, len(moves))))
        for gain in adversary.search(moves, length):
            found.add(plot, gain)
        found.tried += adversary.tried
    return found


def sides(name, folder):
    """Return (EngineSide, the oracle's world) of a shipped tariff or of a drawn one."""
    if name not in DRAWN:
        home = asked.SHIPPED / name
        feed = asked.FEEDS.get(name, home / "gtfs")
        return EngineSide(home, feed), oracle.read_world(str(home), "tariff.toml", str(feed))
    rng = random.Random(SEED)
    while True:  # the first town of this family
        town = folder / str(rng.randrange(1 << 30))
        if towns.draw_town(rng, town)["family"] == name:
            return EngineSide(town), oracle.read_world(str(town), "tariff.toml", str(town / "gtfs"))


def names_in_readme():
    section = README.read_text(encoding="utf-8").partition("\n## Abuse")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| \*\*([^*]+)\*\* \|", section, re.MULTILINE))


def judge(found, name):
    figures.add("sequences of taps tried for abuse", found.tried)
    figures.say(f"abuse, {name}: most gained under each name", found.lines(name))
    assert not found.bugs, "\n".join(found.bugs[:5])
    assert set(found.most) <= names_in_readme(), set(found.most) - names_in_readme()


@pytest.mark.requirement("W-30", "W-50", "W-62", "W-68", "D31")
@pytest.mark.parametrize("name", [*asked.NAMES, *DRAWN])
def test_fares_no_sequence_pays_less_than_is_honest_but_by_a_named_swap(name, tmp_path):
    side, world = sides(name, tmp_path)
    rng = random.Random(SEED)
    chosen = rng.sample(plots.plots(world), SAMPLE)
    found = searched(side, world, chosen, 2)
    deep = searched(side, world, chosen[:DEEP], 3, rng, DEEP_MOVES)
    judge(found, name)
    judge(deep, f"{name}, three taps")
    assert found.tried > 600


@pytest.mark.full
@pytest.mark.timeout(3000)
@pytest.mark.requirement("W-30", "W-50", "W-62", "W-68", "D31")
@pytest.mark.parametrize("name", [*asked.NAMES, *DRAWN])
def test_fares_every_plot_is_tried_two_taps_deep_and_many_three(name, tmp_path):
    side, world = sides(name, tmp_path)
    every, rng = plots.plots(world), random.Random(SEED)
    judge(searched(side, world, every, 2), name)
    judge(searched(side, world, rng.sample(every, FULL_DEEP), 3), f"{name}, three taps")


@pytest.mark.requirement("D31")
def test_fares_every_name_of_an_abuse_is_told_to_the_authorities():
    assert names_in_readme() == set(ridden.RELAXATIONS)


@pytest.mark.requirement("D31")
def test_fares_an_engine_whose_journeys_last_too_long_is_a_gain_without_a_name(tmp_path):
    side, world = sides("turku", tmp_path)
    longer = tuple(dataclasses.replace(row, by_zone=(200,)) for row in side.book.transfers)
    broken = dataclasses.replace(side.book, transfers=longer)
    side.tariff = mounted(write_package(broken, side.feed))
    plot = next(p for p in plots.plots(world) if p.purse == "value" and not p.rights)
    found = searched(side, world, [plot], 3)  # 70 and 123 minutes: no favour goes so far
    assert found.bugs
