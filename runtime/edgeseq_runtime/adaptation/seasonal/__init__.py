"""Adaptation of a model for any sensor, whose streams have no season until one is found."""
