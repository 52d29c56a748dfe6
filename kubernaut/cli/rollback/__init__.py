"""The `rollback` command: undoes what an execution has done."""
