"""Inputs made to do harm, by the kind of input: each is answered, or refused in one line."""
