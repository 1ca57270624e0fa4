"""The runtime: components, flows, and what moves messages between them. It knows neither Kubernetes nor Jupyter."""

__version__ = "0.1.0"
