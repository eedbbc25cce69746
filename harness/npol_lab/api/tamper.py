"""What a fault may do to the output and the status of one exec."""

from __future__ import annotations


class Tamper:
    """This one leaves them alone; `exec_faults` has the others."""

    tells_status = True

    def passes(self, chunk: bytes) -> bool:
        """Whether the client is to see a piece of output."""
        return True

    def sent(self) -> None:
        """A piece of output has been sent."""
