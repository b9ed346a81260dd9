"""The commands of `./tornello sim` about histories."""

from simulator.commands import canary as sim_canary
from simulator.commands import explain as sim_explain
from simulator.commands import hash as sim_hash
from simulator.commands import replay as sim_replay
from simulator.commands import run as sim_run
from simulator.commands import shrink as sim_shrink

PARTS = (
    ("run", sim_run, "histories of a whole small system under faults, every invariant checked"),
    ("replay", sim_replay, "one history again, from its seed or a file"),
    ("explain", sim_explain, "one history, a line an event, a column an actor"),
    ("shrink", sim_shrink, "the smallest history that still fails"),
    ("hash", sim_hash, "the hashes of a history; --selftest flips 1,000 bytes"),
    ("canary", sim_canary, "bugs planted on purpose: all must be found"),
)
