"""The use cases: what the software can do, one file each, nothing else."""
