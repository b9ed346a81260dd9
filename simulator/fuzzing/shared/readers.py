"""The shared readers by name; only the group that is asked for is loaded. Shared dialect."""

GROUPS = {
    "link": ("cobs", "cbor", "frames", "messages", "batch"),
    "sealed": (
        "ack",
        "ack-batch",
        "lease",
        "action",
        "action-list",
        "envelope",
        "slot",
        "block-page",
        "hotlist",
    ),
    "storage": ("journal", "packages"),
    "words": ("vehicle", "card-number"),
    "cards": ("card-answers", "card-files", "ticket-pages"),
    "fares": ("tariff",),
    "lines": ("pn532", "dock"),
    "codes": ("base45", "code"),
    "board_config": ("board-config",),
}


def reader_of(name):
    """Return (make, refusals) of a reader; make(setup) returns read(case)."""
    for group in GROUPS:
        if name in GROUPS[group]:
            path = "simulator.fuzzing.shared." + group
            return __import__(path, None, None, ("READERS",)).READERS[name]
    raise KeyError(name)
