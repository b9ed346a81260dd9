"""Readers as hardware has them: a PN532, ISO-DEP, PC/SC; the cards in their field."""
