"""Cards torn away at every byte and internal write of every flow (D30), for `sim tears` and tests.

Reading order: positions, terminals, flow, taps, services, ticket, flows, drill, search, plants.
"""
