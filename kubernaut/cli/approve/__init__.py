"""The `approve` and `reject` commands: a person's decision about an execution that waits for one."""
