"""The `dev` command: the user's controllers on an in-memory cluster, again whenever their code changes."""
