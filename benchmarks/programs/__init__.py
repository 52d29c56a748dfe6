"""The programs that are compared, each small enough to be read at a glance; each prints one JSON line when it is done."""
