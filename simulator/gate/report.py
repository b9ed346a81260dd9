"""What came of a gate so far, from its log: counts, what is wrong, what is not done, a table."""

from collections import Counter
from typing import Any

from simulator.gate.log import GateLog, piece
from simulator.gate.parts import COMMANDS, HISTORIES, MODEL, Part
from simulator.histories.faults import ATLAS

FULL_SET = 40  # of so many histories every fault of the atlas must have struck
WRONG_MAX = 20  # sentences in the table


class GateReport:
    """Figures of a log; `parts` are those that are played seed by seed."""

    def __init__(self, log: GateLog, parts: dict[str, Part]) -> None:
        self.log, self.parts = log, parts
        self.wanted = {HISTORIES: log.settings.taps, MODEL: log.settings.model_taps}

    def taps(self, name: str) -> int:
        """Return the taps of a part so far."""
        return sum(row["taps"] for row in self.log.of(name))

    def rate(self, name: str) -> float:
        """Return the taps of a part in a second of wall clock, all its processes together."""
        return float(self.taps(name) / max(sum(row["wall_s"] for row in self.log.of(name)), 0.001))

    def faults(self, name: str) -> Counter[str]:
        """Return how often each fault struck in a part."""
        struck: Counter[str] = Counter()
        for row in self.log.of(name):
            struck.update(row["faults"])
        return struck

    def unused(self) -> list[str]:
        """Return the faults of the atlas that never struck, once there are enough histories."""
        if len(self.log.of(HISTORIES)) < FULL_SET:
            return []
        struck = self.faults(HISTORIES)
        return [fault.name for fault in ATLAS if not struck[fault.name]]

    def wrong(self) -> list[str]:
        """Return a sentence for everything that is wrong, with the line that replays it."""
        found = [self._sentence(row) for row in self.log.rows if row["wrong"]]
        return found + [f"the atlas has {name}, and it never struck" for name in self.unused()]

    def again(self) -> list[tuple[str, str]]:
        """Return what was wrong before the gate went on, and what came of it when done again."""
        since = {piece(row): row["wrong"] or "holds" for row in self.log.rows}
        return [
            (self._sentence(row), since.get(piece(row), "not done yet")) for row in self.log.again
        ]

    def unfinished(self) -> list[str]:
        """Return what was asked and is not done."""
        left = []
        for name in self.log.settings.parts:
            if name in COMMANDS:
                done, wanted, what = len(self.log.of(name)), len(COMMANDS[name]), "commands"
            else:
                done, wanted, what = self.taps(name), self.wanted[name], "taps"
            if done < wanted:
                left.append(f"{name} {done:,} of {wanted:,} {what}")
        return left

    def resume_line(self) -> str:
        """Return the command that goes on from here."""
        return f"./tornello sim gate --resume {self.log.folder}"

    def table(self) -> str:
        """Return the closing table for people."""
        rows = [
            f"{'part':<11}{'taps':>12}{'seeds':>9}{'checks':>15}{'faults':>12}{'mismatches':>12}"
            f"{'taps/s':>9}{'time':>10}"
        ]
        rows += [self._played_row(name) for name in self.parts if self.log.of(name)]
        for row in self.log.rows:
            if row["part"] in COMMANDS:
                said = row["wrong"] or "nothing wrong"
                rows.append(f"{row['part']:<11}{row['command']}: {said}, {clock(row['wall_s'])}")
        struck = self.faults(HISTORIES)
        if struck:
            told = ", ".join(f"{name} {count:,}" for name, count in struck.most_common())
            rows.append(f"faults     {told}")
        rows += [f"again      {sentence}: {now}" for sentence, now in self.again()]
        wrong, left = self.wrong(), self.unfinished()
        rows += [f"WRONG {sentence}" for sentence in wrong[:WRONG_MAX]]
        if left:
            rows.append(f"not done   {', '.join(left)}; {self.resume_line()}")
        rows.append(f"{len(wrong)} wrong" if wrong else "nothing wrong")
        return "\n".join(rows)

    def as_json(self) -> dict[str, Any]:
        """Return everything for programs."""
        played = {
            name: {
                "taps": self.taps(name),
                "seeds": len(self.log.of(name)),
                "checks": sum(row["checks"] for row in self.log.of(name)),
                "faults": dict(self.faults(name)),
                "mismatches": sum(bool(row["wrong"]) for row in self.log.of(name)),
                "taps_per_s": round(self.rate(name), 1),
            }
            for name in self.parts
            if self.log.of(name)
        }
        return {
            "settings": self.log.settings._asdict(),
            **played,
            "commands": [row for row in self.log.rows if row["part"] in COMMANDS],
            "again": [{"was": was, "now": now} for was, now in self.again()],
            "wrong": self.wrong(),
            "not_done": self.unfinished(),
            "resume": self.resume_line(),
        }

    def _sentence(self, row: dict[str, Any]) -> str:
        replay = self.parts[row["part"]].replay(row) if "seed" in row else ""
        return "; ".join(filter(None, (row["wrong"], replay)))

    def _played_row(self, name: str) -> str:
        rows = self.log.of(name)
        return (
            f"{name:<11}{self.taps(name):>12,}{len(rows):>9,}"
            f"{sum(row['checks'] for row in rows):>15,}{self.faults(name).total():>12,}"
            f"{sum(bool(row['wrong']) for row in rows):>12,}{self.rate(name):>9,.0f}"
            f"{clock(sum(row['wall_s'] for row in rows)):>10}"
        )


def clock(seconds: float) -> str:
    """Return a span as h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
