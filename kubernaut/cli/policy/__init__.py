"""The `policy` command: asks a policy about executions before anybody runs them, and runs the policy's own tests."""
