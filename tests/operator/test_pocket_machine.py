"""The pocket's store and a model of it: whatever is done in whatever order, they agree, and so does who watches."""

from __future__ import annotations

import contextlib
from pathlib import Path

import hypothesis
import pytest
import yaml
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from tinyflow_operator.pocket import collector, objects, ownership, selection, store, writing
from tinyflow_operator.pocket.documents import Request
from tinyflow_operator.pocket.merging import Changes
from tinyflow_operator.pocket.refusal import Refusal

GADGET = yaml.safe_load((Path(__file__).parent / "conformance/gadget.yaml").read_text())
NAMES = some.sampled_from(["a", "b", "c", "d"])
MANAGERS = some.sampled_from(["me", "you"])
TEXTS = some.dictionaries(some.sampled_from("xyz"), some.sampled_from("123"), max_size=3)
COLOURS = some.sampled_from(["red", "blue", ""])


class Modelled:
    """What the model knows of one object."""

    def __init__(self, kept):
        self.uid, self.version, self.generation = kept.uid, kept.version, 1
        self.texts, self.colour, self.phase, self.owners = {}, "", "", ()
        self.managers = {}  # of texts, by name and operation

    def lose(self, texts, *, but):
        """Somebody changed these: they are nobody else's any more, and who has nothing left is no manager."""
        for who, fields in list(self.managers.items()):
            if who != but and fields & texts:
                fields -= texts
                if not fields:
                    del self.managers[who]


class Follower:
    """A client's cache: it lists, watches, and lists again when the server has forgotten."""

    def __init__(self, world, labels):
        self.world, self.labels, self.state = world, labels, {}
        self.begin()

    def begin(self):
        page = self.world.store.list(self.world.gadgets, self.wanted())
        self.state = {kept.place[1]: kept.text for kept in page.objects}
        self.last = page.version
        self.watch = self.world.store.watch(self.world.gadgets, self.wanted(), page.version)

    def wanted(self):
        return selection.Selection(self.world.gadgets, "default", labels=self.labels)

    def reconnect(self):
        """Go on from where the last bookmark said."""
        with self.listing_again():
            self.watch = self.world.store.watch(self.world.gadgets, self.wanted(), self.watch.version)

    def follow(self):
        with self.listing_again():
            while told := self.watch.take():
                for kind, text, version in told:
                    self.see(kind, text, version)

    def see(self, kind, text, version):
        assert version > self.last, "told twice, or out of order"
        self.last = version
        name = objects.decode(text)["metadata"]["name"]
        assert (name in self.state) == (kind != "ADDED"), f"{kind} of {name}"
        if kind == "DELETED":
            del self.state[name]
        else:
            self.state[name] = text

    @contextlib.contextmanager
    def listing_again(self):
        """When the server has forgotten what happened meanwhile."""
        code = 200
        try:
            yield
        except Refusal as refused:
            code = refused.code
        assert code in (200, 410)
        if code == 410:
            self.begin()


class World(RuleBasedStateMachine):
    """Four names, two managers, a few fields: enough for every pair of writes to meet."""

    def __init__(self):
        super().__init__()
        self.store = store.Store([GADGET], version=1, history=12)
        self.gadgets = self.store.resource("conformance.tinyflow.dev", "v1", "gadgets")
        self.model = {}
        self.followers = [Follower(self, ""), Follower(self, "colour=red")]
        self.page = None

    @rule(name=NAMES, texts=TEXTS, colour=COLOURS, owner=some.none() | NAMES, manager=MANAGERS)
    def create(self, name, texts, colour, owner, manager):
        document = gadget(name, texts, colour)
        owned = self.model.get(owner)
        if owned is not None:
            document["metadata"]["ownerReferences"] = [reference(owner, owned)]
        code = answered(self.store.write.create, self.request(manager=manager), document)
        assert code == (409 if name in self.model else 200)
        if code == 409:
            return
        made = self.model[name] = Modelled(self.kept(name))
        made.texts, made.colour, made.owners = texts, colour, (owned.uid,) if owned else ()
        made.managers = {(manager, "Update"): set(texts)}

    @precondition(lambda self: self.model)
    @rule(name=NAMES, owner=NAMES)
    def bear(self, name, owner):
        if name not in self.model and owner in self.model:
            self.create(name, {}, "", owner, "me")

    @precondition(lambda self: self.model)
    @rule(name=NAMES, texts=TEXTS, colour=COLOURS, late=some.booleans(), manager=MANAGERS)
    def replace(self, name, texts, colour, late, manager):
        document = gadget(name, texts, colour)
        was = self.model.get(name)
        document["metadata"]["resourceVersion"] = str((was.version if was else 1) - late)
        if was and was.owners:
            kept = self.kept(name).document
            document["metadata"]["ownerReferences"] = kept["metadata"]["ownerReferences"]
        code = answered(self.store.write.replace, self.request(name, manager=manager), document)
        assert code == (404 if was is None else 409 if late else 200)
        if code != 200:
            return
        changed = {key for key in was.texts.keys() | texts.keys() if was.texts.get(key) != texts.get(key)}
        self.moved(name, was, spec=bool(changed), meta=was.colour != colour)
        was.lose(changed, but=(manager, "Update"))
        mine = was.managers.setdefault((manager, "Update"), set())
        mine |= changed & texts.keys()
        mine -= was.texts.keys() - texts.keys()
        was.texts, was.colour = texts, colour

    @precondition(lambda self: self.model)
    @rule(name=NAMES, phase=some.sampled_from(["Fine", "Bad"]))
    def tell(self, name, phase):
        document = {"metadata": {"name": name}, "status": {"phase": phase}}
        code = answered(self.store.write.apply, self.request(name, part="status", manager="operator"), document)
        assert code == (200 if name in self.model else 404)
        if code == 404:
            return
        was = self.model[name]
        self.moved(name, was, spec=False, meta=was.phase != phase)
        was.phase = phase

    @rule(name=NAMES, texts=TEXTS, manager=MANAGERS, force=some.booleans())
    def apply(self, name, texts, manager, force):
        document = gadget(name, texts, None)
        was, who = self.model.get(name), (manager, "Apply")
        others = {} if was is None else {owner: fields for owner, fields in was.managers.items() if owner != who}
        changed = {key for key, value in texts.items() if was is None or was.texts.get(key) != value}
        meet = any(changed & fields for fields in others.values())
        code = answered(self.store.write.apply, self.request(name, manager=manager, force=force), document)
        assert code == (409 if meet and not force else 200)
        if code == 409:
            return
        if was is None:
            was = self.model[name] = Modelled(self.kept(name))
            was.texts, was.managers = texts, {who: set(texts)}
            return
        last = was.managers.get(who)
        was.lose(changed, but=who)
        gone = {key for key in (last or set()) - texts.keys() if not any(key in fields for fields in others.values())}
        now = {key: value for key, value in {**was.texts, **texts}.items() if key not in gone}
        self.moved(name, was, spec=now != was.texts, meta=last != texts.keys())
        was.texts, was.managers[who] = now, set(texts)

    @precondition(lambda self: self.model)
    @rule(name=NAMES)
    def delete(self, name):
        code = answered(self.store.write.delete, self.request(name))
        assert code == (200 if name in self.model else 404)
        if code == 404:
            return
        gone = [self.model.pop(name).uid]
        while gone:  # what is owned goes along
            uid = gone.pop()
            for child in [child for child, was in self.model.items() if uid in was.owners]:
                gone.append(self.model.pop(child).uid)

    @rule()
    def forget(self):
        self.store.objects.forget()

    @rule(which=some.sampled_from([0, 1]))
    def come_late(self, which):
        self.store.objects.forget()
        self.followers[which].reconnect()

    @precondition(lambda self: self.model)
    @rule(name=NAMES, colour=COLOURS)
    def paint(self, name, colour):
        if name in self.model:
            self.follow(1)
            self.replace(name, self.model[name].texts, colour, False, "me")
            self.follow(1)

    @rule(which=some.sampled_from([0, 1]))
    def reconnect(self, which):
        self.followers[which].reconnect()

    @rule(which=some.sampled_from([0, 1]))
    def follow(self, which):
        follower = self.followers[which]
        follower.follow()

        there = self.store.list(self.gadgets, follower.wanted()).objects
        assert follower.state == {kept.place[1]: kept.text for kept in there}

    @rule()
    def first_page(self):
        whole = [kept.text for kept in self.store.list(self.gadgets, self.everything()).objects]
        self.page = (self.store.list(self.gadgets, self.everything(), limit=1), whole)

    @precondition(lambda self: self.page and self.page[0].more)
    @rule()
    def next_page(self):
        first, whole = self.page
        code = answered(self.store.list, self.gadgets, self.everything(), more=first.more)
        assert code in (200, 410)
        if code == 410:
            return
        rest = self.store.list(self.gadgets, self.everything(), more=first.more)
        assert [kept.text for kept in (*first.objects, *rest.objects)] == whole

    @invariant()
    def they_agree(self):
        there = {kept.place[1]: kept for kept in self.store.list(self.gadgets, self.everything()).objects}
        assert there.keys() == self.model.keys()
        for name, was in self.model.items():
            document = there[name].document
            metadata = document["metadata"]
            assert (metadata["uid"], metadata["generation"]) == (was.uid, was.generation)
            assert metadata["resourceVersion"] == str(was.version)
            assert (document["spec"].get("texts") or {}) == was.texts
            assert (document.get("status") or {}).get("phase", "") == was.phase
            assert (metadata.get("labels") or {}).get("colour", "") == was.colour
            owned = {
                (entry["manager"], entry["operation"]): texts_of(entry["fieldsV1"])
                for entry in metadata.get("managedFields", [])
                if entry["manager"] != "operator"
            }
            wanted = {who: fields for who, fields in was.managers.items() if fields}
            assert {who: fields for who, fields in owned.items() if fields} == wanted

    def moved(self, name, was, *, spec, meta):
        """The version moves with any change and only then, the generation with the spec alone."""
        kept = self.kept(name)
        assert (kept.version > was.version) == (spec or meta), "moved without a change, or the other way round"
        was.version, was.generation = kept.version, was.generation + spec

    def kept(self, name):
        return self.store.get(self.gadgets, "default", name)

    def everything(self):
        return selection.Selection(self.gadgets, "default")

    def request(self, name="", **more):
        return Request(self.gadgets, "default", name, **more)


def answered(ask, *arguments, **named):
    """The code of the answer."""
    try:
        ask(*arguments, **named)
    except Refusal as refused:
        return refused.code
    return 200


def gadget(name, texts, colour):
    """An object, all of it; one that is applied says nothing of the colour and the size."""
    metadata = {"name": name, **({"labels": {"colour": colour}} if colour else {})}
    return {"metadata": metadata, "spec": {"texts": texts, **({} if colour is None else {"size": 3})}}


def reference(name, was):
    return {"apiVersion": "conformance.tinyflow.dev/v1", "kind": "Gadget", "name": name, "uid": was.uid}


def texts_of(fields):
    return {mark[2:] for mark in fields.get("f:spec", {}).get("f:texts", {}) if mark != "."}


def run(examples):
    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=30,
        deadline=None,
        database=None,
        derandomize=True,
        print_blob=False,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    run_state_machine_as_test(World, settings=settings)


@pytest.mark.timeout(120)
def test_the_store_does_what_the_model_does():
    run(120)


def skip_an_event(real):
    return lambda self, event: real(self, event) if event.version % 7 else None


def forget_the_label_that_left(real):
    def see(self, event):
        told = real(self, event)
        return None if told and told[0] == "DELETED" and event.after is not None else told

    return see


def miscount(real):
    def carried(request, old, new):
        kept = real(request, old, new)
        if request.part == "status" and "generation" in kept["metadata"]:
            kept["metadata"]["generation"] += 1
        return kept

    return carried


def take_a_sibling(real):
    def removed(self, resource, kept):
        for other in list(self._owned):
            for child in list(self._owned[other]):
                self._delete(*child)
        real(self, resource, kept)

    return removed


PLANTED = {
    "the generation counts the status": (writing, "carried", miscount),
    "an old version is taken": (writing, "expect", lambda _: lambda request, said, live: None),
    "a watch skips an event": (selection.Watch, "_see", skip_an_event),
    "the collector takes a sibling": (collector.Collector, "removed", take_a_sibling),
    "the collector leaves the children": (collector.Collector, "_orphaned", lambda _: lambda self, child, uid: None),
    "an apply removes nothing": (writing, "without", lambda _: lambda shape, value, last, owned: value),
    "a bookmark lies": (
        selection.Watch,
        "version",
        lambda _: property(lambda self: self._objects.version, lambda *_: None),
    ),
    "a watch from too long ago is let in": (
        objects.Objects,
        "since",
        lambda _: (
            lambda self, resource, version: max(
                self._shelves[resource].told - sum(event.version > version for event in self._shelves[resource].events),
                0,
            )
        ),
    ),
    "a conflict is overlooked": (ownership, "refuse_conflicts", lambda _: lambda entries, who, changes: None),
    "pages are of two moments": (
        objects.Objects,
        "snapshot",
        lambda _: lambda self, one, _at: dict(self._shelves[one].objects),
    ),
    "an object that lost its label is not told": (selection.Watch, "_see", forget_the_label_that_left),
    "an update takes no fields over": (ownership, "difference", lambda _: lambda one, other: one),
    "a write of nothing is a write": (writing, "compare", lambda _: lambda *_: Changes(added={"f:x": {}})),
    "names are forgotten when sets are joined": (ownership, "union", lambda _: lambda one, other: other or one),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_caught(bug, monkeypatch):
    where, name, wrong = PLANTED[bug]
    monkeypatch.setattr(where, name, wrong(getattr(where, name, None)), raising=False)

    with pytest.raises((AssertionError, KeyError, RecursionError)):
        run(400)
