"""The format: its versions, and the words that fields of a spec may hold."""

FORMAT = 2
"""The newest model file format that this version reads, which is that of files with rules a reader must obey."""

FIRST_FORMAT = 1
"""That of all other files, which version 0.1 reads as well."""

KEY = "edgeseq"
"""The metadata key that holds the spec."""

CELLS = ("lstm", "gru", "rnn")
OWN = "own"
"""The cell of a network that somebody else made: what is in it the spec does not say."""

QUANTIZATIONS = ("none", "int8", "int4", "int8-dynamic")

CLOCKS = tuple(f"{kind}_{wave}" for kind in ("hour", "weekday", "yearday") for wave in ("sin", "cos"))
"""Names of the features that are read off a sample's time."""

STREAM, FEATURES, STEPS = LAYOUTS = ("stream", "features", "steps")
"""How samples enter the network: one after the other, its memory carried along; or as a window at a time, which is one
step of as many features, or as many steps."""

CHUNK, STEP = FORMS = ("chunk", "step")
"""How many samples of a stream the graph takes in one call: any number, or one, for which a leaner graph will do."""

CHANGE, VALUE = PREDICTED = ("change", "value")
"""What the network says of a target: its change from the last sample, or its value."""

FIXED, RUNNING = SCALINGS = ("fixed", "running")
"""By what the network makes a stream free of its unit: statistics of the training part, or what follows the stream."""

SCALE = "scale"
"""The state of a running scale: by how much forecasts may be off for now, in the stream's unit; 0 before any change."""

OFFSET, GAIN = SETTINGS = ("offset", "gain")
"""States that say what a sensor is like and not what it has measured: they stay when its stream starts afresh. The gain
is kept as its distance from one, so that zeros are the typical sensor."""
