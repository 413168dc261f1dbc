"""Streets: noding, building the graph, connectivity, snapping, distance matrices."""
