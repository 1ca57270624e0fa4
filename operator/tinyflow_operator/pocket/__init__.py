"""A Kubernetes API in one small process: objects in memory, served as Kubernetes serves them."""
