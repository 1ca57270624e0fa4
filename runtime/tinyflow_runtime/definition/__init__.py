"""What flows and modules are made of: edges, settings, notes, and functions that become components."""
