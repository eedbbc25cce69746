"""`python -m npol` is the command `npol`."""

from npol.cli import main

main()
