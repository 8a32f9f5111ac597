"""How time and memory grow: with the streams in a pool, and with hidden size, layers and horizon of a network."""
