"""Which product met which mechanism in a case: the table that no cell of may stay nearly empty."""

CASES_A_CELL = 200

# mechanism of the rule text: what the table calls it
COLUMNS = (
    "charge",  # M1 price
    "window",  # M2 closed, or the else product
    "start",  # M3 first use
    "ended",  # M3 over
    "second",  # M3 a second one is started, or waits, beside one of the same product
    "quota",  # M4 a travel day, trip or ride was counted
    "used up",  # M4 none left
    "capped",  # M5 cut, or free
    "transfer",  # M6
    "upgrade",  # M6
    "heads",  # M6 a larger party on a transfer
    "billed",  # M7
    "company",  # M8 companions
    "group",  # M8 not for this rider
    "fee",  # M9 night fee
    "foreign",  # M10 another authority's area or card
    "picked",  # zones chosen on the device
    "fair",  # X-13 the kindest reading decided
)
CHARGED = "charge transfer upgrade heads company fee foreign picked"
PASS = "ended second transfer company fee"
APPLIES = {
    "single": "charge fee picked",
    "value": f"{CHARGED} fair",
    "season": f"start {PASS} foreign",
    "zero": "start ended second transfer company billed",
    "flex": f"start quota {PASS} group",
    "best": f"{CHARGED} start ended capped group",
    "school": "window ended transfer quota billed company group",
    "school2": "window ended transfer quota billed company group",
    "student": f"start {PASS} group",
    "senior": "charge window transfer upgrade group fee picked",
    "tourist": "start ended second transfer company fee",
    "group": "charge transfer upgrade heads billed company fee picked",
    "extension": "charge fee",
    "pack": "start quota transfer company fee",
    "event": "ended transfer",
    "year": "ended transfer company fee",
    "hours": f"start {PASS}",
    "daycap": "charge capped transfer upgrade company fee",
    "weekcap": "charge capped transfer upgrade company fee",
}
ALSO = {"flex": ["used up"], "school": ["used up"], "school2": ["used up"], "pack": ["used up"]}


def wanted():
    """Return every (product, mechanism) that exists, in the order of the table."""
    return [
        (product, column)
        for product, names in APPLIES.items()
        for column in COLUMNS
        if column in names.split() or column in ALSO.get(product, [])
    ]


def cells(world, card, tap, decision):
    """Return the set of (product, mechanism) that this tap met."""
    book = world["book"]
    names = {product["number"]: name for name, product in book["products"].items()}
    found = set()
    for slot, held in enumerate([card["purse"], *card["slots"]]):
        if held and held["product"] in names:
            why = decision.get("why", {}).get(slot, "")
            found |= {(names[held["product"]], what) for what in _from_reason(why)}
    if decision["kind"] != "refused" and decision["product"] in names:
        name = names[decision["product"]]
        found |= {(name, what) for what in _from_decision(card, tap, decision)}
        if _another(card, decision):
            found.add((name, "second"))
    return found


def _from_reason(why):
    return {
        "window": ["window"],
        "calendar": ["window"],
        "ended": ["ended"],
        "days": ["used up"],
        "trips": ["used up"],
        "group": ["group"],
        "foreign": ["foreign"],
    }.get(why, [])


RULES = {
    "charge": ["charge"],
    "else product": ["charge", "window"],
    "capped charge": ["charge", "capped"],
    "cap free": ["capped"],
    "extension": ["charge"],
    "activation": ["start"],
    "travel day": ["quota"],
    "school trip": ["quota"],
    "ride": ["quota"],
    "transfer": ["transfer"],
    "upgrade": ["upgrade"],
    "extra heads": ["heads"],
}


def _from_decision(card, tap, decision):
    found = list(RULES.get(decision["rule"], []))
    if decision["rule"] == "activation" and decision["amount"]:
        found.append("charge")
    if decision["payer"]:
        found.append("billed")
    if tap["companions"] and any(tap["companions"]):
        found.append("company")
    if decision["surcharge"]:
        found.append("fee")
    if decision["authority"] != card["issuer"]:
        found.append("foreign")
    if tap["picked"]:
        found.append("picked")
    if decision["fairness"] != "none":
        found.append("fair")
    return found


def _another(card, decision):
    """Is a second right of the product that was used on the card?"""
    held = [slot["product"] for slot in card["slots"] if slot]
    return decision["slot"] > 0 and held.count(decision["product"]) > 1


def table(counts):
    """Return the table as lines: a row a product, a column a mechanism."""
    columns = [name for name in COLUMNS if any(cell[1] == name for cell in wanted())]
    lines = [" " * 10 + "".join(f"{name:>9}" for name in columns)]
    for product in APPLIES:
        row = f"{product:<10}"
        for column in columns:
            exists = (product, column) in wanted()
            row += f"{counts.get((product, column), 0):>9}" if exists else " " * 8 + "-"
        lines.append(row)
    return lines


def thin(counts):
    """Return the cells with too few cases."""
    return [cell for cell in wanted() if counts.get(cell, 0) < CASES_A_CELL]
