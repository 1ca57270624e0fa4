"""Whose turn it is: the runners of a scheduler, brought to what a flow says, held at breakpoints, freed when stuck."""
