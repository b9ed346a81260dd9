"""`./tornello sim ...`: one module a command."""
