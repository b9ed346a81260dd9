"""The pages, a module a subject: what `app.py` joins into one table of routes."""
