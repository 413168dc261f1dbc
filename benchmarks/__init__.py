"""Speed and quality on data that nobody here made; not collected by pytest."""
