"""The parsers that validators share with servers, as MicroPython and CPython both run them."""
