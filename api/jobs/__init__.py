"""Long steps as jobs: queued, run in processes of their own, followed, cancelled. They live in memory.

A restart of the server forgets the jobs, never the project: every result is in the store, with its report.
"""

from api.jobs.job import STATES, Job, Order
from api.jobs.queue import JobQueue

__all__ = ["STATES", "Job", "JobQueue", "Order"]
