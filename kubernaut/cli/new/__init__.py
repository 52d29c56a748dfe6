"""The `new` command: starts an operator's project."""
