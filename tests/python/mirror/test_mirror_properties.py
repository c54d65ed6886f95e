"""Random programs of a notebook, against an oracle: each task sees the values of its submission."""

from __future__ import annotations

import copy
import sys

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from mirror_pool import Script

NAMES = ("a", "b", "c")
WORKERS = st.integers(0, 1)


class Notebook(RuleBasedStateMachine):
    """Cells that define, change and delete; submissions that run late, anywhere, in any order."""

    def __init__(self):
        super().__init__()
        self.before = sys.modules["__main__"]
        self.script = Script()
        sys.modules["__main__"] = self.script.module
        self.waiting = []
        self.script.run("""
            class Box:
                kind = 0
                def __init__(self, value): self.value = value
                def read(self): return type(self) is Box, self.kind, self.value, helper()
            def helper(): return 0
            def see():
                return [show(f) for f in (lambda: a, lambda: b, lambda: c)], helper(), Box.kind
            def show(f):
                try:
                    value = f()
                except NameError:
                    return "nothing"
                return value.read() if type(value).__name__ == "Box" else value
            def read(box): return box.read()
            def linked():
                return a is b, type(a) is list and a[-1:] == [b]
        """)
        self.defined = 0

    def teardown(self):
        sys.modules["__main__"] = self.before
        self.script.close()

    @rule(name=st.sampled_from(NAMES), size=st.sampled_from([1, 3, 200]))
    def bind(self, name, size):
        self.defined += 1
        self.script.run(f"{name} = [{self.defined}] * {size}")

    @rule(name=st.sampled_from(NAMES), other=st.sampled_from(NAMES))
    def alias(self, name, other):
        if hasattr(self.script.module, other):
            self.script.run(f"{name} = {other}")

    @rule(name=st.sampled_from(NAMES))
    def append(self, name):
        self.script.run(f"if type(globals().get('{name}')) is list: {name}.append({self.defined})")

    @rule(name=st.sampled_from(NAMES))
    def delete(self, name):
        self.script.run(f"globals().pop('{name}', None)")

    @rule(name=st.sampled_from(NAMES))
    def box(self, name):
        self.script.run(f"{name} = Box({self.defined})")

    @rule(kind=st.integers(0, 3))
    def change_the_class(self, kind):
        self.script.run(f"Box.kind = {kind}")

    @rule(value=st.integers(0, 3))
    def redefine_the_helper(self, value):
        self.script.run(f"def helper(): return {value}")

    @rule()
    def redefine_the_class(self):
        self.defined += 1
        self.script.run(f"""
            class Box:
                kind = {self.defined}
                def __init__(self, value): self.value = value
                def read(self): return type(self) is Box, self.kind, self.value, helper()
        """)

    @rule(name=st.sampled_from(["see", "linked"]))
    def submit(self, name):
        submitted = self.script.put(name)
        try:
            self.waiting.append((submitted, copy.deepcopy(getattr(self.script, name)())))
        except NameError:
            self.waiting.append((submitted, NameError))

    @rule(name=st.sampled_from(NAMES))
    def submit_a_box(self, name):
        box = getattr(self.script.module, name, None)
        if type(box).__name__ == "Box":
            self.waiting.append((self.script.put("read", box), copy.deepcopy(box.read())))

    @rule(data=st.data(), worker=WORKERS)
    def run_one(self, data, worker):
        if self.waiting:
            i = data.draw(st.integers(0, len(self.waiting) - 1))
            submitted, right = self.waiting[i]
            try:
                seen = submitted.run(worker)
            except NameError:
                seen = NameError
            assert seen == right
            if data.draw(st.booleans()):  # else it is run again, as another of the same moment
                del self.waiting[i]

    @rule(worker=WORKERS)
    def lose(self, worker):
        if worker in self.script._workers:
            self.script.kill(worker)

    @invariant()
    def nothing_is_left(self):
        assert len(self.script.rows) < 40 + 12 * len(self.waiting)


TestNotebook = Notebook.TestCase
TestNotebook.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
