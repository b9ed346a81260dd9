"""Hostile bytes for every parser of bytes or text from outside: `./tornello sim fuzz`."""
