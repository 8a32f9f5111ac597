"""A model as portable C99, in float or in fixed point: for microcontrollers, and compiled here as provider "native"."""
