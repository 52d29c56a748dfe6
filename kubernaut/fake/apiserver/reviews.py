"""Resources that are questions: access reviews, token reviews."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubernaut.fake.apiserver import managed, rbac
from kubernaut.fake.apiserver.authn import InvalidToken
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.messages import User
from kubernaut.fake.apiserver.options import write_options
from kubernaut.fake.apiserver.status import Cause, bad_request, invalid, invalid_value
from kubernaut.fake.apiserver.verbs.body import read_object

Answer = tuple[int, dict[str, Any]]
_GROUP = "authorization.k8s.io"
_RULE = ("verbs", "apiGroups", "resources", "resourceNames")


def _attributes(spec: dict[str, Any]) -> rbac.Attributes:
    asked = spec.get("resourceAttributes")
    if asked is None:
        path = spec.get("nonResourceAttributes") or {}
        return rbac.Attributes(path.get("verb", ""), path=path.get("path", "/"))
    names = ("group", "resource", "subresource", "namespace", "name")
    return rbac.Attributes(asked.get("verb", ""), **{name: asked.get(name, "") for name in names})


def _read(call: Call) -> tuple[dict[str, Any], str]:
    options = write_options(call.request, "CreateOptions")
    obj = read_object(call, options.validation)
    obj["metadata"].pop("creationTimestamp", None)
    obj.pop("status", None)
    return obj, options.manager


def _refuse(causes: list[Cause]) -> None:
    if causes:
        # the server names no kind here
        raise invalid(_GROUP, "", "", causes)


def _spec_causes(spec: dict[str, Any], *, other: bool) -> list[Cause]:
    causes: list[Cause] = []
    if ("resourceAttributes" in spec) == ("nonResourceAttributes" in spec):
        if "resourceAttributes" in spec:
            path = spec["nonResourceAttributes"]
            shown = f'{{Path:"{path.get("path", "")}", Verb:"{path.get("verb", "")}"}}'
            text = "cannot be specified in combination with resourceAttributes"
            name = f"authorization.NonResourceAttributes{shown}"
            causes.append(invalid_value("spec.nonResourceAttributes", name, text))
        else:
            text = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
            causes.append(invalid_value("spec.resourceAttributes", "null", text))
    if other and not spec.get("user") and not spec.get("groups"):
        causes.append(invalid_value("spec.user", '""', "at least one of user or group must be specified"))
    return causes


def _decide(call: Call, obj: dict[str, Any], manager: str, user: User) -> Answer:
    decision = call.state.access.authorize(user, _attributes(obj.get("spec") or {}))
    managed.track(call, None, obj, manager)
    obj["status"] = {"allowed": decision.allowed, **({"reason": decision.reason} if decision.reason else {})}
    return 201, obj


def _subject(spec: dict[str, Any]) -> User:
    return User(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", ""))


def subject_access_review(call: Call) -> Answer:
    """May the user named in the spec do it?"""
    obj, manager = _read(call)
    spec = obj.get("spec") or {}
    _refuse(_spec_causes(spec, other=True))
    return _decide(call, obj, manager, _subject(spec))


def local_subject_access_review(call: Call) -> Answer:
    """May the user named in the spec do it in this namespace?"""
    obj, manager = _read(call)
    spec = obj.get("spec") or {}
    asked, own = spec.get("resourceAttributes"), obj["metadata"].get("namespace") or call.namespace
    causes = _spec_causes(spec, other=True)
    if isinstance(asked, dict) and asked.get("namespace", "") != own:
        shown = f'"{asked.get("namespace", "")}"'
        causes.append(invalid_value("spec.resourceAttributes.namespace", shown, "must match metadata.namespace"))
    if spec.get("nonResourceAttributes") is not None:
        text = "disallowed on this kind of request"
        causes.append(invalid_value("spec.nonResourceAttributes", "null", text))
    _refuse(causes)
    if own != call.namespace:
        raise bad_request(f"spec.resourceAttributes.namespace must match namespace: {call.namespace}")
    return _decide(call, obj, manager, _subject(spec))


def self_subject_access_review(call: Call) -> Answer:
    """May the caller do it?"""
    obj, manager = _read(call)
    _refuse(_spec_causes(obj.get("spec") or {}, other=False))
    return _decide(call, obj, manager, call.user)


def self_subject_rules_review(call: Call) -> Answer:
    """What may the caller do in a namespace?"""
    obj, _ = _read(call)
    namespace = (obj.get("spec") or {}).get("namespace", "")
    if not namespace:
        raise bad_request("no namespace on request")
    resources: list[dict[str, Any]] = []
    paths: list[dict[str, Any]] = []
    for rule in call.state.access.rules(call.user, namespace):
        if rule.get("nonResourceURLs"):
            paths.append({"verbs": rule.get("verbs") or [], "nonResourceURLs": rule["nonResourceURLs"]})
        if rule.get("resources"):
            resources.append({name: rule[name] for name in _RULE if rule.get(name)})
    obj["spec"] = {}
    obj["status"] = {"resourceRules": resources, "nonResourceRules": paths, "incomplete": False}
    return 201, obj


def _user_info(user: User) -> dict[str, Any]:
    info: dict[str, Any] = {"username": user.name, "uid": user.uid, "groups": list(user.groups)}
    info["extra"] = {key: list(values) for key, values in user.extra.items()}
    return {name: value for name, value in info.items() if value}


def self_subject_review(call: Call) -> Answer:
    """Who is the caller?"""
    obj = read_object(call, "Ignore")
    obj["status"] = {"userInfo": _user_info(call.user)}
    return 201, obj


def token_review(call: Call) -> Answer:
    """Whose token is it?"""
    obj, manager = _read(call)
    spec = obj.get("spec") or {}
    if not spec.get("token"):
        raise bad_request("token is required for TokenReview in authentication")
    managed.track(call, None, obj, manager)
    try:
        user, audiences = call.state.authn.review(spec["token"], spec.get("audiences") or (), call.state.now())
    except InvalidToken as error:
        obj["status"] = {"user": {}, "error": str(error)}
    else:
        obj["status"] = {"authenticated": True, "user": _user_info(user), "audiences": audiences}
    return 201, obj


REVIEWS: dict[str, Callable[[Call], Answer]] = {
    "authorization.k8s.io/subjectaccessreviews": subject_access_review,
    "authorization.k8s.io/localsubjectaccessreviews": local_subject_access_review,
    "authorization.k8s.io/selfsubjectaccessreviews": self_subject_access_review,
    "authorization.k8s.io/selfsubjectrulesreviews": self_subject_rules_review,
    "authentication.k8s.io/selfsubjectreviews": self_subject_review,
    "authentication.k8s.io/tokenreviews": token_review,
}
