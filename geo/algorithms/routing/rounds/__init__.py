"""Rounds of teams: jobs with windows, breaks, skills and areas, by ruin and recreate."""
