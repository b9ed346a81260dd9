"""Small worlds around one card, ticket, shift or vehicle, for stories and tests."""
