"""Pure functions, model in, model out: no files, no database, no global random generator."""
