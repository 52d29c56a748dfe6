"""Where the fake's answers differ from those of the recorded server, and why each of them may."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

NEWER = "1.36 differs from 1.20"
GAP = "missing in the fake"


@dataclass(frozen=True, slots=True)
class Known:
    """One reason, and the places it explains: `SCENARIO/STEP PATH` with wildcards. `kind` is NEWER or GAP."""

    kind: str
    reason: str
    places: tuple[str, ...]

    def covers(self, place: str) -> bool:
        return any(fnmatchcase(place, pattern) for pattern in self.places)


KNOWN = (
    # -- a server of today says otherwise
    Known(
        NEWER,
        "values in messages are shown as JSON, not in Go's notation",
        (
            "access/may-nothing /body/*message",
            "deletion/dry-unknown /body/*message",
            "immutable/deployment-labels /body/*message",
            "immutable/deployment-no-selector /body/*message",
            "immutable/replicaset-selector /body/*message",
            "immutable/role-urls /body/*message",
            "immutable/binding-role /body/*message",
            "names/owner-event /body/*message",
            "customs/put-no-version /body/*message",
        ),
    ),
    Known(
        NEWER,
        "messages were reworded",
        (
            "apply/unknown-field /body/message",
            "apply/long-manager /body/*message",
            "immutable/statefulset-service /body/*message",
            "immutable/lease-negative /body/*message",
            "immutable/pod-limits /body/*message",
            "lists/match-on-watch /body/*message",
            "lists/greater-than-word /body/message",
            "lists/bad-selector /body/message",
            "lists/bad-selector-key /body/message",
            "deletion/collection-bad /body/message",
            "discovery/accept /body/message",
            "discovery/wrong-group /body/message",
            "discovery/media-type /body/details",
            "names/too-long /body/*message",
            "names/long-label /body/*message",
            "names/number-label /body/message",
        ),
    ),
    Known(NEWER, "a paths document answers 404 no more", ("discovery/no-path *", "discovery/no-version *")),
    Known(NEWER, "discovery tells singular names", ("discovery/* /body/resources/*/singularName",)),
    Known(NEWER, "there are self subject reviews of authentication", ("access/rules /body/status/resourceRules",)),
    Known(NEWER, "namespaces carry their name as a label", ("namespaces/* /body/metadata/labels*",)),
    Known(NEWER, "pods have a generation", ("*/pod* /body/metadata*generation",)),
    Known(
        NEWER,
        "Jobs have a generation and prefixed labels",
        ("deletion/job-default /body/metadata/generation", "deletion/job-default /body/metadata/labels/batch*"),
    ),
    Known(NEWER, "Services have policies and families", ("immutable/service-* /body/spec/i*",)),
    Known(NEWER, "the deletion of a Service answers with it", ("deletion/service-deleted /body/kind",)),
    Known(NEWER, "what was deleted carries the deletion's version", ("deletion/account-deleted *resourceVersion",)),
    Known(NEWER, "unknown fields are warned of", ("customs/* /headers",)),
    Known(NEWER, "an empty continue is left out", ("customs/list-v1beta1 /body/metadata/continue",)),
    Known(
        NEWER,
        "causes of schemas are told apart by reason, and name the item",
        (
            "customs/type /body/details/causes/*",
            "customs/max-items /body/*",
            "customs/item-type /body/*",
            "customs/max-length /body/*",
            "customs/either /body/details/causes/*",
            "customs/not-structural /body/details/causes/*",
        ),
    ),
    Known(
        NEWER,
        "times that were never set are left out",
        (
            "apply/status-of-deployment /body/status/conditions/*",
            "immutable/deployment /body/spec/template/metadata/creationTimestamp",
            "patches/node-status* /body/status.conditions/*",
            "subresources/status-strategic /body/status/conditions/*",
        ),
    ),
    Known(
        NEWER,
        "managedFields name the subresource, and scaling takes the ownership of replicas",
        ("apply/deployment-after-scale *message", "apply/status-of-deployment /body/metadata.managedFields"),
    ),
    Known(
        NEWER,
        "a parent is owned only where it is said to be",
        ("apply/deployment-conflict /body/details/causes/*", "customs/apply /body/metadata/managedFields/*"),
    ),
    Known(NEWER, "a JSON patch replaces only what is there", ("patches/json-replace-absent *",)),
    Known(NEWER, "Services are selected by type", ("lists/services-by-type *",)),
    Known(NEWER, "an update of what is absent is 404, whatever its uid", ("names/put-absent-uid *",)),
    # -- what the fake does otherwise
    Known(GAP, "the administrator is called system:admin", ("access/token-review /body/status.user/*",)),
    Known(GAP, "bad impersonation is told as a Status", ("access/group-only *",)),
    Known(
        GAP,
        "names and kinds left out are taken from the URL",
        ("apply/name-from-path *", "names/name-absent-in-put *", "customs/no-kind *"),
    ),
    Known(
        GAP,
        "bodies that cannot be read are 400 throughout",
        ("deletion/bad-*", "patches/merge-list *", "patches/merge-garbage *"),
    ),
    Known(GAP, "claims are not held while in use", ("*/claim* *finalizers", "deletion/claim-deleted *")),
    Known(
        GAP,
        "the sizes of claims are not asked for, and may change before they are bound",
        ("immutable/claim-no-size *", "immutable/claim-size *"),
    ),
    Known(GAP, "addresses of Services are not held against each other", ("immutable/service-ip-taken *",)),
    Known(GAP, "quantities and base64 are not parsed", ("immutable/pod-quantity *", "names/secret-base64 *")),
    Known(GAP, "ReplicaSets are selected by status.replicas, as documented", ("lists/replicasets-by-status *",)),
    Known(GAP, "the counts of a status are not checked", ("subresources/status-negative *",)),
    Known(
        GAP,
        "bindings are objects, and a target's name is not asked for",
        ("subresources/bind-nowhere *", "subresources/bindings *"),
    ),
    Known(GAP, "tolerations are added to new pods only", ("patches/pod-toleration *",)),
    Known(GAP, "new nodes are not tainted before they are ready", ("patches/node /body/spec.taints",)),
    Known(GAP, "the deprecated generation of DaemonSets is not annotated", ("immutable/daemonset *",)),
    Known(GAP, "a cause that two checks find is told once", ("immutable/job-negative /body/details/causes",)),
    Known(GAP, "a null list is kept as it was sent", ("names/rbac-name /body/rules",)),
    Known(GAP, "a name with two slashes is told of by its prefix", ("names/label-two-slashes *message",)),
    Known(GAP, "a patch's item is shown in Python's notation", ("patches/pod-no-key /body/message",)),
)
