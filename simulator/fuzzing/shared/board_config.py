"""Reader of a board's configuration: its text, and what the board takes of it. Shared dialect."""

from card_layouts.errors import LayoutError
from firmware.configuration import keys_of, profile_of, publics_of
from firmware.configuration_text import read_text


def board_config_of(setup):
    """Return what reads a configuration as the board's file of it."""

    def read(case):
        config = read_text(case)
        if not isinstance(config, dict):
            raise LayoutError("configuration: wanted an object")
        keys = keys_of(config)
        masters = []
        for generation in sorted(keys._masters):
            for name, key in keys._masters[generation].items():
                masters.append((generation, str(name), key))
        labelled = (keys.chain, keys.ack, keys.cfg, keys.dock, keys.wrap, keys.pins)
        ticket = (keys.ticket_seed, keys.ticket_public)
        publics = publics_of(config)
        return labelled, sorted(masters), keys.signers, ticket, publics, profile_of(config)

    return read


READERS = {"board-config": (board_config_of, (LayoutError,))}
