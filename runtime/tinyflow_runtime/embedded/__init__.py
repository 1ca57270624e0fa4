"""A flow in this process: run on a thread of its own, watched, looked up, changed and written as code."""
