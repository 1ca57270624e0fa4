"""A reconciler for each kind. Each looks at the world, never at an event, and says what it came to."""
