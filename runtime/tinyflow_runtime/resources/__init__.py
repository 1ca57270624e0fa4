"""Custom resources as plain documents, and the names and labels that those in a cluster agree on."""
