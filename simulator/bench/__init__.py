"""`./tornello bench`: measured rows, each with its reference and limit."""
