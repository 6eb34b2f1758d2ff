"""What runs inside a model's own environment, behind the wall: standard library only, nothing of the service."""
