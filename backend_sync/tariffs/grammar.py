"""Every key a tariff file may have: its form, default and meaning, one row of grammar.tsv each.

README.md shows these rows (a test keeps them equal); `source.py` refuses what is not here. A name
of the author's own (a group, a table, a product) is `*`; `[]` is one of several tables.
Source: tariff-model.md section 2.
"""

from pathlib import Path
from typing import NamedTuple


class Key(NamedTuple):
    path: str
    form: str  # a row of forms.FORMS, or "table", "tables" for what has keys of its own
    default: str  # as written in TOML; "required", or "-" for none
    what: str


KEYS = tuple(
    Key(*line.split("\t"))
    for line in (Path(__file__).parent / "grammar.tsv").read_text("utf-8").splitlines()[1:]
)


def markdown() -> str:
    """Return the rows as the tables of README.md, one for each part of a file."""
    parts: dict[str, list[Key]] = {}
    for key in KEYS:
        top = key.path.split(".")[0].split("[")[0]
        has_keys = any(other.path.startswith((f"{top}.", f"{top}[")) for other in KEYS)
        parts.setdefault(top if has_keys else "", []).append(key)
    lines: list[str] = []
    for top, keys in parts.items():
        lines += ["", f"### [{top}]" if top else "### Top of the file", ""]
        lines += ["| key | form | default | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{key.path}` | {key.form} | {_code(key.default)} | {key.what} |" for key in keys
        ]
    return "\n".join(lines[1:]) + "\n"


def _code(default: str) -> str:
    is_value = default[0] in '"[{' or default in ("true", "false") or default.isdigit()
    return f"`{default}`" if is_value else default


if __name__ == "__main__":
    print(markdown(), end="")
