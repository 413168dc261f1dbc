"""Where incidents concentrate: intensity, hot spots, ranking."""
