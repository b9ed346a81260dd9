"""A validator as a MicroPython process, and the world around it."""
