"""Streams by name, one sample at a time, and what is saved of them: only what was acknowledged.

A service answers a sample first and acknowledges it when the answer has arrived. What is saved is the state after the
last sample acknowledged of each stream, so that whoever goes on from it sees every other sample again. A state is
copied when it is acknowledged and turned into bytes when it is saved: most are never saved, since later ones follow.
"""
