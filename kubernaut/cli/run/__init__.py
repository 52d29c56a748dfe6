"""The `run` command: controllers on a real cluster, as a process that an operator configures."""
