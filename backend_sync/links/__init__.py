"""The link service: from a customer's card handle to a pseudonym, one audited question a time."""
