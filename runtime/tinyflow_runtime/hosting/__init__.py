"""A process that holds a module: the flows it is told to run, what it answers, keeps and says, and how it ends."""
