"""Files in and out: shapefile, GeoPackage, GeoJSON, TopoJSON, point tables, GPX; archives and encodings."""
