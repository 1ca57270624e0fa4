"""TinyFlow beside its peers: every figure is a ratio measured in the same run."""
