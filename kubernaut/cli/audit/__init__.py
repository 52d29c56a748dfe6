"""The `audit` command: reads the audit log, exports it, checks that nobody changed it."""
