"""The `crds` and `manifests` commands: what a cluster needs, as YAML."""
