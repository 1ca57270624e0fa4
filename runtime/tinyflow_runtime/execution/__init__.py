"""A node at work: how it is driven, what it knows, what it sends and to whom, and what becomes of what fails."""
