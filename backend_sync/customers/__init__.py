"""The customer register: who people are, never which card or which trip (trust.md section 5)."""
