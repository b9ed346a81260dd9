"""`./tornello demo`: the story of a week, the programs it runs, and who cheats."""
