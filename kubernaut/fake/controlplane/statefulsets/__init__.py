"""StatefulSets: pods with stable names and volumes, made, updated and deleted in order."""

from kubernaut.fake.controlplane.statefulsets.controller import stateful_sets

__all__ = ["stateful_sets"]
