"""Every byte and every cent that two programs must agree on; no clock, no randomness, no I/O."""
