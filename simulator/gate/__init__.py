"""`./tornello sim gate`: the parts of the night, its rows, its closing table."""
