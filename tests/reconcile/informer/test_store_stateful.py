"""The store against a plain model, over thousands of random steps."""

from collections.abc import Iterable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kubernaut.reconcile import Change, ChangeType, Request, Store, Stored
from kubernaut.reconcile.intake import Intake, KindOptions
from tests.reconcile.informer.objects import stored
from tests.reconcile.widgets import Widget

KEYS = [Request(namespace, name) for namespace in ("x", "y", None) for name in ("a", "b", "c")]
PACKED = Intake(KindOptions(compress=True), "test")
PLAIN = Intake(KindOptions(), "test")


def by_size(widget: Widget) -> Iterable[str]:
    if widget.spec.size == 3:
        raise KeyError("no values")
    return [str(widget.spec.size), "any"]


class Known:
    """What the model knows of one object."""

    def __init__(self, uid: str, version: int, labels: dict[str, str], size: int, mark: int) -> None:
        self.uid, self.version, self.labels, self.size, self.mark = uid, version, labels, size, mark


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.model: dict[Request, Known] = {}
        self.seen: dict[Request, tuple[str, int]] = {}  # what a reader of the changes alone knows
        self.version = 0
        self.mark = 1

    def make(self, key: Request, uid: str, version: int, label: str, size: int, packed: bool) -> Stored:
        return stored(
            key.name,
            version,
            namespace=key.namespace,
            uid=uid,
            labels={"l": label} if label else {},
            intake=PACKED if packed else PLAIN,
            size=size,
        )

    @rule(
        key=st.sampled_from(KEYS),
        uid=st.sampled_from(["1", "2"]),
        fresh=st.booleans(),
        label=st.sampled_from(["", "p", "q"]),
        size=st.integers(1, 3),
        packed=st.booleans(),
    )
    def put(self, key: Request, uid: str, fresh: bool, label: str, size: int, packed: bool) -> None:
        known = self.model.get(key)
        if fresh or known is None:
            self.version += 1
            version = self.version
        else:
            version, uid, label, size = known.version, known.uid, known.labels.get("l", ""), known.size
        changes = self.store.put(self.make(key, uid, version, label, size, packed), mark=self.mark)
        labels = {"l": label} if label else {}
        expected = (
            ["ADDED"]
            if known is None
            else ["DELETED", "ADDED"]
            if known.uid != uid
            else ["MODIFIED"]
            if known.version != version
            else []
        )
        self.model[key] = Known(uid, version, labels, size, self.mark)
        self.learn(changes, [(key, type_) for type_ in expected])

    @rule(key=st.sampled_from(KEYS), told=st.booleans())
    def remove(self, key: Request, told: bool) -> None:
        known = self.model.pop(key, None)
        last = None
        if told and known is not None:
            self.version += 1
            last = self.make(key, known.uid, self.version, "", 1, packed=False)
        changes = self.store.remove(key, last)
        if last is not None:
            assert changes[0].new is last
        self.learn(changes, [(key, "DELETED")] if known else [])

    @rule()
    def begin_a_list(self) -> None:
        self.mark += 1

    @rule()
    def sweep(self) -> None:
        gone = {key for key, known in self.model.items() if known.mark != self.mark}
        told = set()
        for changes in self.store.sweep(self.mark):
            (change,) = changes
            assert change.synthesised
            del self.model[change.key]
            told.add(change.key)
            self.learn(changes, [(change.key, "DELETED")])
        assert told == gone

    @precondition(lambda self: not self.store.has_index("size"))
    @rule()
    def add_the_index(self) -> None:
        self.store.add_index("size", Widget, by_size)

    def learn(self, changes: list[Change], expected: list[tuple[Request, str]]) -> None:
        assert [(change.key, str(change.type)) for change in changes] == expected
        for change in changes:
            before = self.seen.get(change.key)
            old = None if change.old is None else (change.old.head.uid, int(change.old.head.resource_version))
            assert old == before
            if change.type is ChangeType.DELETED:
                del self.seen[change.key]
            else:
                self.seen[change.key] = (change.new.head.uid, int(change.new.head.resource_version))
        self.store.settle(changes)

    @invariant()
    def the_same_objects(self) -> None:
        known = {key: (one.uid, one.version) for key, one in self.model.items()}
        held = {key: (one.head.uid, int(one.head.resource_version)) for key, one in self.store.items()}
        assert held == known == self.seen
        assert len(self.store) == len(known)
        assert self.store.nbytes == sum(one.nbytes for _, one in self.store.items())
        assert all((key in self.store) == (key in known) for key in KEYS)

    @invariant()
    def the_same_selections(self) -> None:
        for namespace in ("x", "y"):
            found = {Request(one.head.namespace, one.head.name) for one in self.store.select(namespace=namespace)}
            assert found == {key for key in self.model if key.namespace == namespace}
        for label in ("p", "q"):
            found_ = self.store.select(matches=lambda labels, label=label: labels.get("l") == label)  # type: ignore[misc]
            assert len(found_) == sum(known.labels.get("l") == label for known in self.model.values())

    @invariant()
    def the_same_index(self) -> None:
        if not self.store.has_index("size"):
            return
        for size in ("1", "2", "3", "any"):
            found = [Request(one.head.namespace, one.head.name) for one in self.store.select(index=("size", size))]
            fits = {
                key for key, one in self.model.items() if one.size != 3 and (size == "any" or str(one.size) == size)
            }
            assert sorted(map(str, found)) == sorted(map(str, fits))


StoreMachine.TestCase.settings = settings(derandomize=True, max_examples=260, stateful_step_count=50, deadline=None)
TestStore = StoreMachine.TestCase
