"""How the backend keeps facts: one connection a database, migrated when it is opened."""
