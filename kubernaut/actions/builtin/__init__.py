"""The actions that ship with kubernaut."""

from kubernaut.actions.action import DEFAULT_IMAGE, Action
from kubernaut.actions.builtin.apply_manifest import ApplyManifest, ApplyManifestParameters
from kubernaut.actions.builtin.collect_logs import CollectLogs, CollectLogsParameters
from kubernaut.actions.builtin.cordon_node import CordonNode
from kubernaut.actions.builtin.delete_resource import DeleteResource, DeleteResourceParameters
from kubernaut.actions.builtin.drain_node import DrainNode, DrainNodeParameters
from kubernaut.actions.builtin.patch_resource import PatchResource, PatchResourceParameters
from kubernaut.actions.builtin.restart_deployment import RestartDeployment
from kubernaut.actions.builtin.restart_pod import RestartPod, RestartPodParameters
from kubernaut.actions.builtin.rollback_deployment import RollbackDeployment, RollbackDeploymentParameters
from kubernaut.actions.builtin.scale_deployment import ScaleDeployment, ScaleDeploymentParameters
from kubernaut.actions.builtin.uncordon_node import UncordonNode
from kubernaut.actions.builtin.update_image import UpdateImage, UpdateImageParameters
from kubernaut.actions.kinds import AllowedKinds

__all__ = [
    "ApplyManifest",
    "ApplyManifestParameters",
    "CollectLogs",
    "CollectLogsParameters",
    "CordonNode",
    "DeleteResource",
    "DeleteResourceParameters",
    "DrainNode",
    "DrainNodeParameters",
    "PatchResource",
    "PatchResourceParameters",
    "RestartDeployment",
    "RestartPod",
    "RestartPodParameters",
    "RollbackDeployment",
    "RollbackDeploymentParameters",
    "ScaleDeployment",
    "ScaleDeploymentParameters",
    "UncordonNode",
    "UpdateImage",
    "UpdateImageParameters",
    "builtin_actions",
]


def builtin_actions(*, image: str = DEFAULT_IMAGE, kinds: AllowedKinds | None = None) -> list[Action]:
    """One of each, running in `image` (it must hold kubectl).

    `kinds` is the allow-list of those that take any kind: apply-manifest, delete-resource and patch-resource.
    """
    return [
        ApplyManifest(image=image, kinds=kinds),
        CollectLogs(image=image),
        CordonNode(image=image),
        DeleteResource(image=image, kinds=kinds),
        DrainNode(image=image),
        PatchResource(image=image, kinds=kinds),
        RestartDeployment(image=image),
        RestartPod(image=image),
        RollbackDeployment(image=image),
        ScaleDeployment(image=image),
        UncordonNode(image=image),
        UpdateImage(image=image),
    ]
