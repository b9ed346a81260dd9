"""What a service point does with a card in its hand."""
