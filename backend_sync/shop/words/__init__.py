"""Texts of the shop, a module a subject; `backend_sync/office/words` puts them beside its own."""
