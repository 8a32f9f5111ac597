"""A model file, or a library that holds one, as bytes: read, looked through and vouched for before anything is run."""
