"""One module for each page: which layers it shows, and what its panel says."""
