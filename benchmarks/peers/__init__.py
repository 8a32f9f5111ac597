"""edgeseq beside other engines: the same network, the same stream, in turns in one process."""
