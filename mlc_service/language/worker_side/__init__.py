"""What runs in a script worker's own process, before and behind its wall. Standard library only.

The service starts it by its place (`python -I -S -c …`, see `walls.py`), so nothing of the service comes with it.
"""
