"""The view of a flow in a notebook: a graph that lives, and where it can be worked on."""
