"""Turning values into bytes and back: bit tables, time stamps, COBS, CBOR."""
