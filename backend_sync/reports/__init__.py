"""What authorities and operators are told in figures: one table, written in every form."""
