"""The `gateway` command: alerts and Kubernetes Events become RemediationRequests, as a process."""
