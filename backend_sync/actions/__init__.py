"""Web-shop purchases and other actions: onto the card at its next tap, exactly once."""
