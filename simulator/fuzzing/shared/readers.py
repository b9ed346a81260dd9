"""All shared readers by name: (make, refusals); `make(setup)` returns read(case). Shared dialect."""

from simulator.fuzzing.shared import cards, fares, lines, link, sealed, storage, words

READERS = {}
for _group in (link, sealed, storage, words, cards, fares, lines):
    READERS.update(_group.READERS)
