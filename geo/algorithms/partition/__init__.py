"""Polygons that tile an area: overlay of several zonings, shared borders, slivers, assignment, independent check."""
