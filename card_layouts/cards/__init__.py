"""What is on a card, and how a card is spoken to."""
