"""Paper and phone: tickets that are nothing but a signed code."""
