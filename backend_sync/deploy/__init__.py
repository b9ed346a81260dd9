"""What an operator needs to put the backend on real machines."""
