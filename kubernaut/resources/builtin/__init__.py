"""The kinds Kubernetes itself serves, one module per group; each names the fields kubernaut uses and keeps the rest."""
