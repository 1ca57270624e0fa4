"""Capture: from components in a notebook to the text of a program."""

from .capturing import capture, capture_notebook, held_by

__all__ = ["capture", "capture_notebook", "held_by"]
