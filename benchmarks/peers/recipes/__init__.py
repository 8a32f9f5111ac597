"""The network in the forms that engines read."""
