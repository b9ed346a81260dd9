"""Sales: what was sold for money, by whom, what is given back, and whether the cash is right."""
