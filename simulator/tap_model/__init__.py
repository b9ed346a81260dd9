"""The tap protocol as a small model: all histories of four taps, random ones of sixteen."""
