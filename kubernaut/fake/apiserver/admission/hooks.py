"""Admission webhooks: which are called, in which order, and what their answers do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from kubernaut.fake.apiserver.admission import review
from kubernaut.fake.apiserver.admission.attributes import Attributes, Object, review_uid
from kubernaut.fake.apiserver.admission.cel import evaluate, values_of
from kubernaut.fake.apiserver.admission.outside import CallFailed, Endpoint, Outside, endpoint_of
from kubernaut.fake.apiserver.admission.rules import exempt, matched, namespace_selected, object_selected
from kubernaut.fake.apiserver.follow import Followed
from kubernaut.fake.apiserver.patch import PatchError, json_patch
from kubernaut.fake.apiserver.pending import Pending, Question
from kubernaut.fake.apiserver.registry import ResourceInfo
from kubernaut.fake.apiserver.schema.celengine import CelCompileError, CelEvalError
from kubernaut.fake.apiserver.status import StatusError, bad_request, forbidden
from kubernaut.fake.apiserver.storage import Storage

Type = Literal["validating", "mutating"]


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook of one configuration."""

    key: str  # of the configuration's version, and the place in it
    name: str
    spec: Mapping[str, Any]
    endpoint: Endpoint
    mutating: bool

    @property
    def seconds(self) -> float:
        return float(self.spec.get("timeoutSeconds") or 10)

    @property
    def lenient(self) -> bool:
        return self.spec.get("failurePolicy") == "Ignore"


def _read(obj: Mapping[str, Any]) -> list[Hook]:
    meta = obj["metadata"]
    mutating = obj["kind"] == "MutatingWebhookConfiguration"
    return [
        Hook(
            f"{meta['uid']}/{meta['resourceVersion']}/{number}",
            spec["name"],
            spec,
            endpoint_of(spec["clientConfig"]),
            mutating,
        )
        for number, spec in enumerate(obj.get("webhooks") or ())
    ]


class Webhooks:
    """The webhooks of one type, in the order of their configurations' names."""

    def __init__(self, storage: Storage, outside: Outside, kind: Type) -> None:
        self._configured = Followed(storage, f"admissionregistration.k8s.io/{kind}webhookconfigurations", _read)
        self._outside = outside

    def __bool__(self) -> bool:
        return bool(self._configured.by_key())

    def mutate(self, attributes: Attributes) -> Object:
        """The object with the patches of all webhooks on it. Raises StatusError, Pending."""
        assert attributes.obj is not None
        again: dict[str, None] = {}
        called: list[str] = []
        for round_number in (0, 1):
            for hook, resource in self._matching(attributes):
                if round_number and hook.key not in again:
                    continue
                changed = self._patched(hook, attributes, resource, round_number)
                if changed is not None:
                    attributes = attributes.having(changed)
                    if round_number == 0:
                        again.update(dict.fromkeys(called))
                if hook.spec.get("reinvocationPolicy") == "IfNeeded" and round_number == 0:
                    called.append(hook.key)
            if not again:
                break
        assert attributes.obj is not None
        return attributes.obj

    def _patched(self, hook: Hook, attributes: Attributes, resource: ResourceInfo, again: int) -> Object | None:
        answer = self._ask([(hook, resource)], attributes, again)[0]
        if isinstance(answer, StatusError):
            raise answer
        if answer is None or not answer.patch:
            return None
        before = review.at_version(attributes.obj, attributes.resource, resource, attributes)
        try:
            after = json_patch(msgspec.json.decode(msgspec.json.encode(before)), list(answer.patch))
        except PatchError as error:
            raise StatusError(500, "InternalError", f"Internal error occurred: {error.message}") from error
        if after == before:
            return None
        return review.at_version(after, resource, attributes.resource, attributes)

    def validate(self, attributes: Attributes) -> None:
        """Asks all at once. Raises the StatusError of the first that refuses, Pending."""
        hooks = list(self._matching(attributes))
        for answer in self._ask(hooks, attributes, 0) if hooks else ():
            if isinstance(answer, StatusError):
                raise answer

    def _matching(self, attributes: Attributes) -> Iterator[tuple[Hook, ResourceInfo]]:
        if exempt(attributes):
            return
        for hooks in self._configured.all():
            for hook in hooks:
                equivalent = hook.spec.get("matchPolicy") != "Exact"
                resource = matched(hook.spec.get("rules") or (), attributes, equivalent=equivalent)
                if (
                    resource is not None
                    and namespace_selected(hook.spec.get("namespaceSelector"), attributes)
                    and object_selected(hook.spec.get("objectSelector"), attributes)
                    and _conditions_hold(hook, attributes)
                ):
                    yield hook, resource

    def _ask(
        self, hooks: list[tuple[Hook, ResourceInfo]], attributes: Attributes, again: int
    ) -> list[review.Answer | StatusError | None]:
        """What each webhook answers; None for failures that do not matter. Raises Pending for answers not yet there."""
        answers = attributes.call.memory.answers
        questions: list[Question] = []
        found: list[review.Answer | StatusError | None] = []
        for hook, resource in hooks:
            if attributes.dry_run and hook.spec.get("sideEffects") not in ("None", "NoneOnDryRun"):
                found.append(bad_request(f'admission webhook "{hook.name}" does not support dry run'))
                continue
            request = review.request_of(attributes, resource)
            key = (hook.key, again, msgspec.json.encode(request))
            if key not in answers:
                uid = review_uid(attributes.call, len(answers) + len(questions))
                questions.append(self._question(hook, request, uid, key, answers))
            else:
                found.append(_settled(hook, answers[key], attributes))
        if questions:
            raise Pending(questions)
        return found

    def _question(
        self, hook: Hook, request: Mapping[str, Any], uid: str, key: Any, answers: dict[Any, Any]
    ) -> Question:
        version = review.version_for(hook.spec.get("admissionReviewVersions") or ())
        body = review.encode(request, uid, version)

        async def ask() -> None:
            try:
                answer = await self._outside.post(hook.endpoint, body, hook.seconds)
                answers[key] = review.decode(answer, uid, version, mutating=hook.mutating)
            except CallFailed as error:
                answers[key] = f"failed to call webhook: {error}"
            except review.BadAnswer as error:
                answers[key] = f"received invalid webhook response: {error}"
            except StatusError as error:
                answers[key] = error

        return ask


def _settled(hook: Hook, answer: Any, attributes: Attributes) -> review.Answer | StatusError | None:
    if isinstance(answer, str):
        if hook.lenient:
            return None
        text = f'failed calling webhook "{hook.name}": {answer}'
        return StatusError(500, "InternalError", f"Internal error occurred: {text}", {"causes": [{"message": text}]})
    if isinstance(answer, StatusError):
        return answer
    assert isinstance(answer, review.Answer)
    warnings = attributes.call.warnings
    warnings.extend(text for text in answer.warnings if text not in warnings)
    return answer if answer.allowed else review.refusal(hook.name, answer.status)


def _conditions_hold(hook: Hook, attributes: Attributes) -> bool:
    conditions = hook.spec.get("matchConditions") or ()
    if not conditions:
        return True
    values = values_of(attributes)
    errors: list[str] = []
    for condition in conditions:
        try:
            if not evaluate(condition["expression"], values, "BOOL"):
                return False
        except (CelCompileError, CelEvalError) as error:
            errors.append(f"expression '{condition['expression']}' resulted in error: {error}")
    if not errors:
        return True
    if hook.lenient:
        return False
    resource = attributes.resource
    text = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
    raise forbidden(resource.group, resource.plural, attributes.name, text)
