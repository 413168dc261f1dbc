"""Grouping faces into the cells of 一网: unify, conflicts, grid codes."""
