"""What things are: frozen dataclasses, frame schemas, CRS rules. No files, no database, no web."""
