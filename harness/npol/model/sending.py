"""What is known of a source's way into the network, beyond its own address."""

from __future__ import annotations

import enum


class Sending(enum.Enum):
    """Whether a source that hears nothing of one flow may be believed."""

    SHOWN = "shown"
    """Something arrived in this round; or it may send nothing, and nothing speaks against it."""
    NOT_HEARD = "not heard"
    """The policies let something else of it through, and nothing of that arrives."""
    NODE_NOT_HEARD = "node not heard"
    """It may send nothing, and the pod beside it that no policy selects is not heard either."""
    NEVER_SHOWN = "never shown"
    """Nothing has ever shown that it can send, and nothing is predicted."""
