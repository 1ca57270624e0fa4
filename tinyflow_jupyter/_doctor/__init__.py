"""The doctor: looks at everything that a flow needs, here and on the cluster, and says of each thing what to do."""

from .examination import Examination, examine

__all__ = ["Examination", "examine"]
