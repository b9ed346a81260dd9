"""Whether a program lives, is ready, and what it counts, for those who watch machines."""
