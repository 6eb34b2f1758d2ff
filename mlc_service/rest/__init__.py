"""HTTP, and nothing else: what arrives is read, handed to a use case, and its answer written. The only FastAPI."""
