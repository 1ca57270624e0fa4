"""Capture: from components in a notebook to the text of a program."""

from .capturing import capture, capture_notebook

__all__ = ["capture", "capture_notebook"]
