"""The passengers' web shop: my card, loads and products for a card in hand. See README.md."""
