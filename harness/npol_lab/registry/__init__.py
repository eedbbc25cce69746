"""What may be written to a lab, and what becomes of it: the API server behind its HTTP."""

from npol_lab.registry.errors import StatusError
from npol_lab.registry.registry import Registry

__all__ = ["Registry", "StatusError"]
