"""The clusters that tests run on besides the one in memory: a local API server, and that of a kubeconfig."""
