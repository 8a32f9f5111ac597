"""`python -m edgeseq`, where the script is not on the path."""

from edgeseq.cli import main

main()
