"""Where streams are kept while no process runs: a file for one stream, a database for many."""
