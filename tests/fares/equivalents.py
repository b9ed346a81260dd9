"""Mutants that change nothing anybody can see, each with a proof; survivors are held to this.

A mutant is named by its module, a piece of its line, and a piece of what was changed. One that is
named here and is noticed all the same fails the run: its proof is wrong.
"""

_ONE = "`1` became `2` in "
_MINUS = "`1` became `2` in `-1`"

REASONS = {
    "any number below 0 says the same: only its sign is asked": (
        ("caps", "t.cap_left = -1", _MINUS),
        ("continuing", "t.cap_left = -1", _MINUS),
        ("clock", "t.calendar_known = -1", _MINUS),
        ("engine", "t.asked = -1", _MINUS),
        ("engine", "if wanted != ASK else -1", _MINUS),
        ("journey", "t.paying = t.left_out = -1", _MINUS),
        ("place", "t.scheduled = -1", _MINUS),
        ("place", "return -1", _MINUS),
        ("prices", "total = -1", _MINUS),
        ("prices", "others = others + more", _MINUS),
        ("prices", "return -1", _MINUS),
        ("wanted", "ASK = -1", _MINUS),
    ),
    "no zone beyond the book's last one is in a stop, a set or a run": (
        ("money", "for zone in range(1, t.zone_count + 1)", _ONE + "`t.zone_count + 1`"),
        ("continuing", "for zone in range(1, t.zone_count + 1)", _ONE + "`t.zone_count + 1`"),
        ("engine", "for zone in range(1, t.zone_count + 1)", _ONE + "`t.zone_count + 1`"),
        ("settle", "for zone in range(lowest + 1", _ONE + "`t.zone_count + 1`"),
        ("journey", "for zone in range(1, t.zone_count + 2)", "`2` became `3`"),
        ("prices", "for zone in range(first + 1", _ONE + "`r[at + 5] + 1`"),
    ),
    "the holder of a party is only asked whether he is there": (
        ("caps", "set_party(t, 1, 0, 0, 0)", _ONE + "`set_party("),
        ("continuing", "set_party(t, 1,", _ONE + "`set_party("),
        ("engine", "set_party(t, 1, 0, 0, 0)", _ONE + "`set_party("),
        ("money", "set_party(t, 1, 0, 0, 0)", _ONE + "`set_party("),
    ),
    "the two are not equal here": (
        ("engine", "return best[o.O_TOTAL] < total", "became `best[o.O_TOTAL] <= total`"),
        ("offers", "return offer[field] < best[field]", "<="),
        ("rights", "return t.uses < t.consumes", "<="),
        ("rights", "return asked < t.right_surcharge", "<="),
        ("rights", "return rank < t.right_rank", "<="),
        ("sources", "if found < number:", "<="),
    ),
    "of two that are equal either is the same": (
        ("rights", "if product_last and product_last < last", "`product_last <= last`"),
        ("rights", "if t.uses < CONSUMES_TRIP", "`t.uses <= CONSUMES_TRIP`"),
        ("rider", "t.covered < heads", "`t.covered <= heads`"),
        ("continuing", "if t.heads > t.covered else 0", "`t.heads >= t.covered`"),
        ("offers", "offer[O_PAY] < t.asked", "`offer[O_PAY] <= t.asked`"),
        ("prices", "full < own", "`full <= own`"),
        ("engine", "cents < t.shadow", "`cents <= t.shadow`"),
    ),
    "what is asked is more than the purse may pay, so it is never 0": (
        ("engine", "if t.asked >= 0:", "`t.asked > 0`"),
        ("engine", "if t.asked >= 0:", "`0` became `1`"),
        ("engine", "if t.asked < 0:", "`t.asked <= 0`"),
        ("engine", "if t.asked < 0:", "`0` became `1`"),
        ("offers", "if t.asked < 0 or", "`t.asked <= 0`"),
        ("offers", "if t.asked < 0 or", "`0` became `1`"),
    ),
    "no product has a number below 0": (
        ("repeat", 'if intent["rule"] & 15 in PASS_RULES else -1', _MINUS),
        ("repeat", "carries = -1", _MINUS),
    ),
    "marks below 0 that no other mark equals": (("sources", "NOT_READ = -4", "`4` became `5`"),),
    "an empty source that counts as not read is read once more, and is empty": (
        ("sources", "EMPTY = -3", "`3` became `4`"),
    ),
    "all persons of a new journey board here, so what was paid before is not asked": (
        ("rights", "surcharge(t, book, kind_of(product), 1, 1, 0)", "`0` became `1`"),
        ("money", "surcharge(t, t.book, kind_of(product), persons", "`0` became `1`"),
    ),
    "the answer of _own_book takes its place": (("singles", "self.refused = 0", "`0` became `1`"),),
    "nobody else writes the repeater's own list, so its clock stays 0": (
        ("repeat", "tap[i.T_CLOCK] = 0", "`tap[i.T_CLOCK + 1]`"),
    ),
    "S_MECHANISM is 0": (
        ("card_lists", "card[at + S_MECHANISM]", "`at - S_MECHANISM`"),
        ("settle", "+ S_MECHANISM if source", "- S_MECHANISM`"),
        ("repeat", "card[at + i.S_MECHANISM] = M_FIRST_USE", "`at - i.S_MECHANISM`"),
        ("repeat", "card[at + i.S_MECHANISM] = 0", "`at - i.S_MECHANISM`"),
        ("sources", "if not card[at + S_MECHANISM]", "`at - S_MECHANISM`"),
    ),
    "a longer buffer, list or tail holds the same at every place that is read": (
        ("offers", "OFFER_SIZE = 27", "`27` became `28`"),
        ("package", "TAIL_BYTES = 128", "`128` became `129`"),
        ("package", "none = [0] * (s.SECTION_MAX + 1)", _ONE),
        ("pay_per_use", "row = bytearray(12 + 4 * package.columns)", "`12` became `13`"),
        ("pay_per_use", "row = bytearray(12 + 4 * package.columns)", "`4` became `5`"),
    ),
    "it is the last of an order, and only compared": (
        ("offers", "ORDER_EXTENSION = 0, 1, 2, 3, 4", "`4` became `5`"),
        ("rights", "CONSUMES_ACTIVATION = 0, 1, 2, 3", "`3` became `4`"),
        ("rights", "DAY_MAX = 16383", "`16383` became"),
    ),
    "the lower bits were asked before and are 0": (
        ("clock", "return 1 if bits & 2", "`2` became `3` in `bits & 2`"),
        ("clock", "return 1 if bits & 2", "`4` became `5` in `bits & 4`"),
    ),
    "`window_days` is only asked whether it is 0": (("clock", "days |= 1 << i", _ONE),),
    "nobody reads it before the last lines write it: a chain of windows never comes back": (
        ("clock", "t.window_bits[number] = 0", "`0` became `1`"),
    ),
    "the decision was cleared before, and the next line writes the field that is hit": (
        ("engine", "d[D_KIND] = KIND_REFUSED", "`d[D_KIND + 1]`"),
    ),
    "a source of 5 was made 0 before": (("journey", "if source > 4 or", "`4` became `5`"),),
    "five minutes were given before, so one minute of lateness gives nothing": (
        ("journey", "late = t.reading[0] - t.reading[3]", "`0` became `1` in `t.reading[0] -"),
    ),
    "no set of zones is 1: the lowest three bits are of no zone": (
        ("money", "before = 0", "`0` became `1`"),
        ("rights", "t.extended[source - 1] = 0", "`0` became `1` in `t.extended[source - 1] = 0`"),
        ("sources", "return t.all_zones if source else 0", "`0` became `1`"),
        ("sources", "mask = 0", "`0` became `1`"),
    ),
    "who names nobody is given his default party before anybody asks for it": (
        ("rider", "t.adults = t.youths = t.children = 0", "`0` became `1`"),
        ("rider", "if tap[T_ADULTS] >= 0:", "`tap[T_ADULTS + 1]`"),
    ),
    "the other hull is never the set, so a run is looked for among sets with holes, in vain": (
        ("prices", "hull = (1 << (16 - first))", "+ (1 << 15 - last)`"),
        ("prices", "hull = (1 << (16 - first))", "`16 + first`"),
        ("prices", "hull = (1 << (16 - first))", "`15 + last`"),
        ("prices", "hull = (1 << (16 - first))", _ONE + "`1 << 16 - first`"),
        ("prices", "hull = (1 << (16 - first))", _ONE + "`1 << 15 - last`"),
        ("prices", "hull = (1 << (16 - first))", "`16` became `17`"),
        ("prices", "hull = (1 << (16 - first))", "`15` became `16`"),
    ),
    "of one zone the search below finds that zone, too": (
        ("settle", "if t.here == 1 << (15 - lowest)", _ONE),
        ("settle", "if t.here == 1 << (15 - lowest)", "`15 + lowest`"),
        ("settle", "if t.here == 1 << (15 - lowest)", "`15` became `16`"),
    ),
    "zones below the lowest are not here, and the lowest is not longer than itself": (
        ("settle", "for zone in range(lowest + 1", "`lowest - 1`"),
    ),
    "zones below the first are not in the set": (
        ("prices", "for zone in range(first + 1", "`first - 1`"),
    ),
    "where the stop does not lie in the book, what is ahead is not asked": (
        ("place", "t.found_ahead = 0", "`0` became `1`"),
    ),
    "of one source and one total what is paid is equal": (
        ("offers", "for field in range(O_SOURCE + 1)", _ONE),
    ),
}

SAME = {key: reason for reason, keys in REASONS.items() for key in keys}


def why_the_same(mutant):
    """Return the reason why this mutant cannot be noticed, or ""."""
    return next((reason for key, reason in SAME.items() if is_named(mutant, key)), "")


def is_named(mutant, key):
    """Return whether the key (module, line, piece) names this mutant."""
    module, line, piece = key
    return module == mutant.module and line in mutant.text and piece in mutant.what
