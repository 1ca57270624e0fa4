"""Calls between processes: what may be asked, by whom, over which connection, and how an error comes back."""
