"""The agent behind a line that is cut and a mosquitto that is killed: all arrives, once."""

import pytest

from simulator.lines.bad_line import BadLine
from tests import figures
from tests.edge_agent.soft_board import SoftBoard
from tests.edge_agent.test_system import PREFIX, World

pytestmark = [pytest.mark.system, pytest.mark.requirement("T11", "T25", "W-131", "D17")]
MOSQUITTO = "listener {port} 127.0.0.1\nallow_anonymous true\nmessage_size_limit 0\n"


class LineWorld(World):
    """A world whose edge reaches its broker by a bad line; the broker is mosquitto if wanted."""

    def __init__(self, folder, boards, seed, mosquitto=None, **lives):
        super().__init__(folder, boards)
        self.mosquitto = mosquitto
        self.line = BadLine(self.port, seed, **lives)
        text = self.config.read_text()
        self.config.write_text(text.replace(f"port = {self.port}", f"port = {self.line.port}"))
        (folder / "mosquitto.conf").write_text(MOSQUITTO.format(port=self.port))

    def command(self, name):
        if name == "broker" and self.mosquitto:
            return [self.mosquitto, "-c", str(self.folder / "mosquitto.conf")]
        return super().command(name)

    def close(self):
        self.line.close()
        super().close()


@pytest.fixture
def world(tmp_path):
    worlds = []

    def build(*args, **named):
        worlds.append(LineWorld(tmp_path, *args, **named))
        return worlds[0]

    yield build
    for built in worlds:
        built.close()


def all_arrived(world):
    for board in (each.board for each in world.boards):
        seqs = range(1, len(board.slots) + 1)
        assert [world.inland.ledger.held[board.device, 0, seq] for seq in seqs] == board.slots


@pytest.mark.parametrize("seed", [1, 2])
def test_a_line_that_is_cut_in_the_middle_of_batches_loses_and_doubles_nothing(world, seed):
    world = world([SoftBoard(3, entries=1500)], seed)
    world.start("broker")
    world.start("edge")
    world.wait("some cuts", lambda status: world.line.cuts >= 3)
    world.line.heal()
    status = world.wait("everything acknowledged", world.is_drained)
    assert status["quarantined"] == status["forged_acks"] == status["deleted"] == 0
    all_arrived(world)
    figures.add("connections cut in the middle of a batch", world.line.cuts)


def test_a_line_that_never_lives_as_long_as_one_batch_brings_all_in_the_end(world):
    """300 entries are a batch of 39 KB: it never got across, and was sent first each time."""
    world = world([SoftBoard(3, entries=300)], 1, least=20_000, most=35_000)
    world.start("broker")
    world.start("edge")
    world.wait("everything acknowledged", world.is_drained)
    assert world.line.cuts > 0
    all_arrived(world)
    figures.add("connections cut in the middle of a batch", world.line.cuts)


def test_what_was_sent_to_an_agent_that_was_away_does_not_keep_its_line_busy(world):
    """Found by `demo --bad-line`: each new connection began with a queue longer than its life."""
    world = world([SoftBoard(3, entries=300)], 1)
    world.inland.silent = True
    world.start("broker")
    world.start("edge")
    world.wait("entries", lambda status: status["stored"] == 300)
    world.kill("edge")
    for _ in range(100):
        world.inland.client.publish(PREFIX + "down", bytes(20_000), 1).wait_for_publish(150)
    world.inland.silent = False
    world.start("edge")
    status = world.wait("everything acknowledged", world.is_drained)
    assert status["refused_down"] == 0, "nothing of it came"
    all_arrived(world)


def test_mosquitto_killed_twice_behind_a_bad_line_loses_nothing(world, system_command):
    world = world([SoftBoard(3, entries=1500)], 3, mosquitto=system_command("mosquitto"))
    world.inland.silent = True
    world.start("broker")
    world.start("edge")
    for _ in range(2):
        seen = world.inland.batches
        world.wait("batches", lambda status, seen=seen: world.inland.batches > seen)
        world.kill("broker")
        world.start("broker")
    world.inland.silent = False
    world.line.heal()
    world.wait("everything acknowledged", world.is_drained)
    all_arrived(world)
