"""Mutants that change nothing anybody can see, each with its reason; survivors are held to this.

A mutant is named by its module, the text of its line, and a piece of what was changed.
"""

SAME = {
    ("engine", "cents < t.shadow", "`cents < t.shadow`"): "equal cents are the same cents",
}


def why_the_same(mutant):
    """Return the reason why this mutant cannot be noticed, or ""."""
    return next((reason for key, reason in SAME.items() if is_named(mutant, key)), "")


def is_named(mutant, key):
    """Return whether the key (module, line, piece) names this mutant."""
    module, line, piece = key
    return module == mutant.module and line in mutant.text and piece in mutant.what
