"""The text of a module: archived, unpacked and loaded, what its imports come from, and whether it is the same code."""
