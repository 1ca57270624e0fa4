"""Clusters: what is pushed to them, and what runs there, as objects of a notebook."""

from .cluster import Cluster
from .project import Project

__all__ = ["Cluster", "Project"]
