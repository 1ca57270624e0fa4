"""The operator: brings a cluster to what its custom resources say."""
