"""What people call the numbers in entries: for reports and logs. Never on a board: see answers.py.

Each tuple is indexed by the number; 0 is never written. Source: SPEC.md section 3.
"""

OUTCOME_NAMES = ("", "committed", "aborted", "orphan")

HOW_NAMES = ("", "answer", "repeat", "re-poll", "later tap", "not sent", "abandoned")

REASON_NAMES = (
    "",
    "funds",
    "blocked",
    "listed",
    "killed",
    "lease",
    "never seen",
    "tariff",
    "no product",
    "card expired",
    "authority",
    "unknown layout",
    "two cards",
    "card lost",
    "card error",
    "not genuine",
    "journal full",
    "clock unset",
    "pass back",
    "no price",
    "open intents",
    "counter end",
    "no shift",
    "time",
    "limit",
)

CONFIG_NAMES = ("", "switched", "refused old", "refused seal", "refused size", "expired")
