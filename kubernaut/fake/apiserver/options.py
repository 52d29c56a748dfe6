"""Query parameters of reads and writes, checked as Kubernetes checks its *Options objects."""

from __future__ import annotations

from dataclasses import dataclass

from kubernaut.fake.apiserver.messages import Request
from kubernaut.fake.apiserver.requestinfo import truthy
from kubernaut.fake.apiserver.status import (
    Cause,
    bad_request,
    forbidden_field,
    internal,
    invalid_options,
    not_supported,
)


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """dryRun, fieldManager, fieldValidation and force of a write."""

    dry_run: bool
    manager: str
    validation: str  # Strict | Warn | Ignore
    force: bool = False


def default_manager(user_agent: str) -> str:
    """What owns fields when no manager is named: the product of the User-Agent."""
    return user_agent.split("/", 1)[0][:128] or "unknown"


def write_options(request: Request, kind: str) -> WriteOptions:
    """`kind` is CreateOptions, UpdateOptions or PatchOptions. Raises StatusError 422."""
    dry = [value for value in request.query.get("dryRun", []) if value]
    causes: list[Cause] = []
    if any(value != "All" for value in dry):
        shown = "[" + ",".join(f'"{value}"' for value in dry) + "]"
        causes.append(not_supported("dryRun", shown, ["All"]))
    validation = request.parameter("fieldValidation")
    if validation not in ("", "Strict", "Warn", "Ignore"):
        causes.append(not_supported("fieldValidation", f'"{validation}"', ["", "Ignore", "Strict", "Warn"]))
    manager = request.parameter("fieldManager")
    if len(manager) > 128:
        causes.append(Cause("FieldValueTooLong", "Too long: may not be more than 128 bytes", "fieldManager"))
    forced = truthy(request.query, "force")
    if forced and kind == "PatchOptions" and "apply-patch" not in request.headers.get("content-type", ""):
        causes.append(forbidden_field("force", "may not be specified for non-apply patch"))
    if causes:
        raise invalid_options(kind, causes)
    named = manager or default_manager(request.headers.get("user-agent", ""))
    return WriteOptions(bool(dry), named, validation or "Warn", forced)


@dataclass(frozen=True, slots=True)
class ListOptions:
    """Parameters of list, watch and deletecollection. `version` is None when none was asked for."""

    labels: str
    fields: str
    limit: int
    continue_token: str
    version: int | None
    match: str
    watch: bool
    bookmarks: bool
    initial_events: bool | None
    timeout: float | None


def _version(text: str) -> int | None:
    if not text:
        return None
    if not text.isdigit():
        raise internal(f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text)


def whole(request: Request, name: str) -> int:
    """A parameter that is a whole number, 0 if it is absent. Raises StatusError 400."""
    text = request.parameter(name)
    if not text:
        return 0
    if not text.removeprefix("-").isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def list_options(request: Request) -> ListOptions:
    """Raises StatusError 422 for what does not go together, 500 for a version that is no number (as the server"
    " does)."""
    query, raw = request.query, request.parameter("resourceVersion")
    watch, match = truthy(query, "watch"), request.parameter("resourceVersionMatch")
    initial = truthy(query, "sendInitialEvents") if "sendInitialEvents" in query else None
    causes = list(_match_causes(watch, match, raw, initial, bool(request.parameter("continue"))))
    if causes:
        raise invalid_options("ListOptions", causes)
    seconds = whole(request, "timeoutSeconds")
    return ListOptions(
        labels=request.parameter("labelSelector"),
        fields=request.parameter("fieldSelector"),
        limit=max(0, whole(request, "limit")),
        continue_token=request.parameter("continue"),
        version=_version(raw),
        match=match,
        watch=watch,
        bookmarks=truthy(query, "allowWatchBookmarks"),
        initial_events=initial,
        timeout=float(seconds) if seconds > 0 else None,
    )


def _match_causes(watch: bool, match: str, version: str, initial: bool | None, continued: bool) -> list[Cause]:
    field = "resourceVersionMatch"
    if watch:
        if initial is not None and match != "NotOlderThan":
            return [forbidden_field(field, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")]
        if match and initial is None:
            return [
                forbidden_field(
                    field, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
                )
            ]
        return []
    if initial is not None:
        return [forbidden_field("sendInitialEvents", "sendInitialEvents is forbidden for list")]
    if not match:
        return []
    causes: list[Cause] = []
    if not version:
        causes.append(forbidden_field(field, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
    if continued:
        causes.append(forbidden_field(field, "resourceVersionMatch is forbidden when continue is provided"))
    if match not in ("Exact", "NotOlderThan"):
        causes.append(not_supported(field, f'"{match}"', ["Exact", "NotOlderThan", ""]))
    if match == "Exact" and version == "0":
        causes.append(forbidden_field(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    return causes
