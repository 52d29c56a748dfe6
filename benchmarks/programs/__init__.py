"""The programs that are compared, each small enough to be read at a glance; each ends with one line of JSON."""
