"""Resources that are questions: access reviews, token reviews."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubernaut.fake.apiserver import managed, rbac
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.messages import User
from kubernaut.fake.apiserver.options import write_options
from kubernaut.fake.apiserver.verbs.body import read_object

Answer = tuple[int, dict[str, Any]]


def _attributes(spec: dict[str, Any]) -> rbac.Attributes:
    asked = spec.get("resourceAttributes")
    if asked is None:
        path = spec.get("nonResourceAttributes") or {}
        return rbac.Attributes(path.get("verb", ""), path=path.get("path", "/"))
    names = ("group", "resource", "subresource", "namespace", "name")
    return rbac.Attributes(asked.get("verb", ""), **{name: asked.get(name, "") for name in names})


def _review(call: Call, user: Callable[[dict[str, Any]], User]) -> Answer:
    options = write_options(call.request, "CreateOptions")
    obj = read_object(call, options.validation)
    obj["metadata"].pop("creationTimestamp", None)
    spec = obj.get("spec") or {}
    decision = rbac.authorize(call.state.storage, user(spec), _attributes(spec))
    obj.pop("status", None)
    managed.track(call, None, obj, options.manager)
    obj["status"] = {"allowed": decision.allowed, **({"reason": decision.reason} if decision.reason else {})}
    return 201, obj


def _subject(spec: dict[str, Any]) -> User:
    return User(spec.get("user", ""), tuple(spec.get("groups") or ()))


def subject_access_review(call: Call) -> Answer:
    """May the user named in the spec do it?"""
    return _review(call, _subject)


def self_subject_access_review(call: Call) -> Answer:
    """May the caller do it?"""
    return _review(call, lambda spec: call.user)


def self_subject_review(call: Call) -> Answer:
    """Who is the caller?"""
    obj = read_object(call, "Ignore")
    info: dict[str, Any] = {"username": call.user.name, "groups": list(call.user.groups)}
    obj["status"] = {"userInfo": info}
    return 201, obj


REVIEWS: dict[str, Callable[[Call], Answer]] = {
    "authorization.k8s.io/subjectaccessreviews": subject_access_review,
    "authorization.k8s.io/localsubjectaccessreviews": subject_access_review,
    "authorization.k8s.io/selfsubjectaccessreviews": self_subject_access_review,
    "authentication.k8s.io/selfsubjectreviews": self_subject_review,
}
