"""The actions that ship with kubernaut."""

from kubernaut.actions.action import DEFAULT_IMAGE, Action
from kubernaut.actions.builtin.cordon_node import CordonNode
from kubernaut.actions.builtin.restart_pod import RestartPod, RestartPodParameters
from kubernaut.actions.builtin.scale_deployment import ScaleDeployment, ScaleDeploymentParameters
from kubernaut.actions.builtin.uncordon_node import UncordonNode

__all__ = [
    "CordonNode",
    "RestartPod",
    "RestartPodParameters",
    "ScaleDeployment",
    "ScaleDeploymentParameters",
    "UncordonNode",
    "builtin_actions",
]


def builtin_actions(*, image: str = DEFAULT_IMAGE) -> list[Action]:
    """One of each, running in `image` (it must hold kubectl)."""
    return [ScaleDeployment(image=image), RestartPod(image=image), CordonNode(image=image), UncordonNode(image=image)]
