"""What may be written to a lab, and what becomes of it: the API server behind its HTTP."""

from harness.lab.registry.errors import StatusError
from harness.lab.registry.registry import Registry

__all__ = ["Registry", "StatusError"]
