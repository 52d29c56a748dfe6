"""`kubernaut demo`: carries KubernetesExecutions out on an in-memory cluster and shows what happens."""
