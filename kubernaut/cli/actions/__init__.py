"""The `actions` command: what kubernaut can do to a cluster."""
