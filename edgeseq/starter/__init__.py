"""The starter: one network for any sensor, trained on made-up series only.

`made_up` puts series together from the parts in `seasons`, `wandering`, `switching` and `noise`, and `sensing` does
to them what a sensor does. `network` is the step function in torch, `reference` the same in NumPy, and `training`
teaches it.
"""
