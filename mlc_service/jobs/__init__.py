"""Claims due jobs and runs them. What a job does is handed in: see `work.py`."""
