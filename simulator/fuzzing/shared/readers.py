"""All shared readers by name: (make, refusals); make(setup) returns read(case). Shared dialect."""

from simulator.fuzzing.shared import cards, codes, fares, lines, link, sealed, storage, words

READERS = {}
for _group in (link, sealed, storage, words, cards, fares, lines, codes):
    READERS.update(_group.READERS)
