"""The remediation kinds: each a package of its own with its types and its reconciler."""
