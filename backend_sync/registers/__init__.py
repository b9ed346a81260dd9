"""The registers of cards and of users, with their audit trail: a database of its own."""
