"""The controllers: what turns the objects that users write into the objects that run."""

from npol_lab.controllers.wiring import controllers

__all__ = ["controllers"]
