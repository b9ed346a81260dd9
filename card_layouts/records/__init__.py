"""What is in the journal: slots, entries, blocks, chains."""
