"""The kinds Kubernetes itself serves, one module per group version, written by tools/make_models.py."""
