"""Operating data: versions of an operator's stops, routes, timetables and vehicle blocks."""
