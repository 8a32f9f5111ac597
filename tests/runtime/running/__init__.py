"""Streams whose scale runs along: what they are judged by moves with them."""
