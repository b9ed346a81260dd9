"""Tear one flow at every byte and every internal write step, then let people try again.

The positions come from a transcript of the flow itself, so their number follows the code (D30).
What must hold afterwards is written once, in `check`; the tests say which flows and which second
tries.
"""

from collections.abc import Sequence

from card_layouts.answers import opens
from card_layouts.cards.card_layout import G
from card_layouts.records.entries_tap import OUTCOME_ABORTED, OUTCOME_COMMITTED
from firmware.station import Order
from simulator.desfire_card import Cut, DesfireCard, ExchangeCount, Image
from simulator.desfire_card.meter import Transcript
from simulator.field import Tear
from simulator.flash import Flash
from simulator.prng import Prng
from simulator.tap_world import Device, OnCard

OPENING = ("INTENT", "ACTION", "BLOCK")


def positions(counts: Sequence[ExchangeCount]) -> list[Tear]:
    """Return every tear of a transcript: (exchange, cut), bytes in, steps, bytes out."""
    found: list[Tear] = []
    for number, count in enumerate(counts):
        cuts = [Cut("in", at) for at in range(count.bytes_in)]
        cuts += [Cut("step", at) for at in range(count.write_steps)]
        cuts += [Cut("out", at) for at in range(count.bytes_out)]
        found += [Tear(exchange=number, cut=cut) for cut in cuts]
    return found


class Drill:
    """A starting point (card image, flash contents of devices) and one flow to be torn."""

    def __init__(self, image: Image, devices: Sequence[Device], order: Order | None = None) -> None:
        self.image = image
        self.order = order
        self.parts = [(d.number, d.station, d.flash.snapshot(), d.parts) for d in devices]

    def fork(self) -> tuple[DesfireCard, list[Device]]:
        """Return a fresh card and fresh devices, all as they were at the start."""
        card = DesfireCard(self.image.clone(), Prng(5).bytes, meter=Transcript())
        devices = []
        for number, station, content, parts in self.parts:
            flash = Flash(len(content))
            flash.restore(content)
            devices.append(Device(number, station, flash, **parts))
        return card, devices

    def transcript(self) -> tuple[int, DesfireCard, list[ExchangeCount]]:
        """Run the flow untorn at the first device; return (answer, card, its exchanges)."""
        card, devices = self.fork()
        answer = devices[0].present(card, order=self.order)
        assert isinstance(card.meter, Transcript)
        return answer, card, card.meter.exchanges

    def tears(self) -> list[Tear]:
        """Return every position of the flow."""
        return positions(self.transcript()[2])


def settled(devices: Sequence[Device], card: DesfireCard) -> dict[str, int]:
    """Check that what the journals say about this card is what the card says. Return the counts.

    Shape: {"committed", "aborted", "open"}; every entry that opened something is in one of them.
    """
    on_card = OnCard(card)
    counts = {"committed": 0, "aborted": 0, "open": 0}
    for device in devices:
        outcomes: dict[int, int] = {}
        entries = device.entries()
        for name, _header, fields in entries:
            if name == "OUTCOME":
                assert fields["of"] not in outcomes, "two outcomes for one entry"
                outcomes[fields["of"]] = fields["outcome"]
        for name, header, fields in entries:
            if name not in OPENING:
                continue
            taken = holds(on_card, device.number, header["seq"])
            verdict = outcomes.get(header["seq"])
            if verdict is None:
                counts["open"] += 1
                continue
            assert verdict in (OUTCOME_COMMITTED, OUTCOME_ABORTED)
            assert (verdict == OUTCOME_COMMITTED) == taken, (device.number, header["seq"], verdict)
            counts["committed" if taken else "aborted"] += 1
            if taken:
                body = G.unpack(bytes(7) + fields["body"] + fields["h"])
                assert body["h"] in [record["h"] for record in on_card.records]
    return counts


def holds(on_card: OnCard, device: int, seq: int) -> bool:
    """Return whether a record that entry `seq` of `device` announced is on the card."""
    return any(r["device"] == device and r["seq"] == seq for r in on_card.records)


def check_answer(device: Device, answer: int, before: OnCard, after: OnCard) -> None:
    """Green and a gate mean that the card has it; everything else that nothing opened."""
    assert device.signals.opened() == opens(answer)
    if opens(answer):
        assert after.newest["device"] == device.number, answer
    assert after.n in (before.n, before.n + 1)
