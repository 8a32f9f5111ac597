"""The backend "native": a model's own C, compiled to a library that this process loads."""
