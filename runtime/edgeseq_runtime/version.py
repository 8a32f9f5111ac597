"""The version of the distribution, and where its build reads it."""

__version__ = "0.1.0"
