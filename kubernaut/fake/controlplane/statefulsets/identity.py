"""The stable identity of a StatefulSet's pods: their names, labels, and claims for volumes. Pure functions."""

from __future__ import annotations

from kubernaut.fake.controlplane.revisions import REVISION_LABEL, template_of
from kubernaut.fake.controlplane.template import pod_from
from kubernaut.fake.controlplane.views import PodView
from kubernaut.resources import ObjectMeta
from kubernaut.resources.builtin.apps_v1 import ControllerRevision, StatefulSet
from kubernaut.resources.builtin.core_v1 import PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Pod
from kubernaut.resources.builtin.pods import Volume

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"


def first_ordinal(stateful_set: StatefulSet) -> int:
    """The lowest ordinal."""
    return (stateful_set.spec.ordinals.start or 0) if stateful_set.spec.ordinals is not None else 0


def ordinal_of(stateful_set: StatefulSet, pod: PodView) -> int | None:
    """The ordinal in a pod's name; None if that is not of the set's form."""
    parent, _, digits = pod.name.rpartition("-")
    return int(digits) if parent == stateful_set.name and digits.isdecimal() else None


def claim_name(stateful_set: StatefulSet, template: PersistentVolumeClaim, ordinal: int) -> str:
    """The name of the claim that a pod's volume is bound by."""
    return f"{template.name}-{stateful_set.name}-{ordinal}"


def new_pod(stateful_set: StatefulSet, revision: ControllerRevision, ordinal: int) -> Pod:
    """The pod of an ordinal, as the revision's template says."""
    pod = pod_from(template_of(revision), stateful_set)
    name = f"{stateful_set.name}-{ordinal}"
    pod.metadata.generate_name = None
    pod.metadata.name = name
    pod.metadata.labels |= {POD_NAME: name, POD_INDEX: str(ordinal), REVISION_LABEL: revision.name}
    pod.spec.hostname = name
    pod.spec.subdomain = stateful_set.spec.service_name or None
    claimed = [template.name for template in stateful_set.spec.volume_claim_templates]
    pod.spec.volumes = [volume for volume in pod.spec.volumes if volume.name not in claimed]
    for template in stateful_set.spec.volume_claim_templates:
        source = PersistentVolumeClaimVolumeSource(claim_name=claim_name(stateful_set, template, ordinal))
        pod.spec.volumes.append(Volume(name=template.name, persistent_volume_claim=source))
    return pod


def new_claim(stateful_set: StatefulSet, template: PersistentVolumeClaim, ordinal: int) -> PersistentVolumeClaim:
    """The claim of one volume of an ordinal; it goes with the set only where the retention policy says so."""
    policy = stateful_set.spec.persistent_volume_claim_retention_policy
    owned = policy is not None and policy.when_deleted == "Delete"
    reference = stateful_set.owner_reference(controller=False, block=False)
    return PersistentVolumeClaim(
        metadata=ObjectMeta(
            name=claim_name(stateful_set, template, ordinal),
            namespace=stateful_set.namespace,
            labels={**template.metadata.labels, **stateful_set.spec.selector.match_labels},
            annotations=dict(template.metadata.annotations),
            owner_references=[reference] if owned else [],
        ),
        spec=template.spec.model_copy(deep=True),
    )
