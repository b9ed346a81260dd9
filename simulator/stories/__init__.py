"""`./tornello demo --story NAME`: short stories about money, each with its equalities."""
