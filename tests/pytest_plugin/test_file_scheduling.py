"""A worker of pytest-xdist that dies: its test fails, all others are run, and nothing waits."""

from types import SimpleNamespace

import pytest

from npol.pytest_plugin.file_scheduling import FileScheduling

FILES = {"a.py": 3, "b.py": 3, "c.py": 3, "d.py": 1, "e.py": 1, "f.py": 2}
ITEMS = [f"{file}::test_{i}" for file, count in FILES.items() for i in range(count)]


class Worker:
    """As xdist's workers do: the last item that it knows waits for a next, or for the end."""

    def __init__(self, name):
        self.gateway = self
        self.id = name
        self.shutting_down = False
        self.queue = []

    def send_runtest_some(self, indices):
        self.queue += indices

    def shutdown(self):
        self.shutting_down = True

    @property
    def ready(self):
        return len(self.queue) > 1 or bool(self.queue and self.shutting_down)


class Config:
    """What a scheduler reads of pytest's."""

    def __init__(self, workers, dist="loadfile"):
        self.option = SimpleNamespace(loadscopereorder=False)
        self._values = {"tx": [f"{workers}*popen"], "dist": dist}

    def getvalue(self, name):
        return self._values[name]


class Session:
    """What xdist's controller does with a scheduler."""

    def __init__(self, workers):
        self.scheduling = FileScheduling(Config(workers))
        self.workers = []
        self.done = []
        self.crashed = []
        for _ in range(workers):
            self.join()

    def join(self):
        worker = Worker(f"gw{len(self.workers)}")
        self.workers.append(worker)
        self.scheduling.add_node(worker)
        self.scheduling.add_node_collection(worker, ITEMS)
        if self.scheduling.collection_is_completed:
            self.scheduling.schedule()

    def run(self, deadly):
        while ready := [w for w in self.workers if w.ready]:
            for worker in ready:
                self.step(worker, deadly)
            if self.scheduling.tests_finished:
                for worker in self.scheduling.nodes:
                    worker.shutdown()

    def step(self, worker, deadly):
        item = worker.queue.pop(0)
        if ITEMS[item] in deadly:
            worker.queue.clear()
            self.crashed.append(self.scheduling.remove_node(worker))
            self.join()
        else:
            self.done.append(ITEMS[item])
            self.scheduling.mark_test_complete(worker, item)


def ended(*deadly, workers=2):
    session = Session(workers)
    session.run(deadly)
    return session


def test_all_items_run_once():
    assert sorted(ended().done) == ITEMS


def test_what_is_done_with_is_not_counted_any_more():
    assert not any(ended().scheduling.assigned_work.values())


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("deadly", ITEMS)
def test_a_deadly_test_fails_once_and_all_others_run_once(deadly, workers):
    session = ended(deadly, workers=workers)

    assert session.crashed == [deadly]
    assert sorted(session.done) == [item for item in ITEMS if item != deadly]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_may_die_one_after_the_other(workers):
    session = ended(*ITEMS[1::2], workers=workers)

    assert sorted(session.crashed) == ITEMS[1::2]
    assert sorted(session.done) == ITEMS[::2]


STORY = ["a/s.npol.yaml::one::a -> b:80", "a/s.npol.yaml::two [x]::a -> b:80"]
OTHERS = ["a/t.py::A::x", "a/t.py::A::y[1-a@b]", "a/t.py::z@g", "a/u.py::z[1]@g"]


@pytest.mark.parametrize("dist", ["load", "worksteal", "loadgroup", "loadscope", "loadfile"])
def test_a_story_stays_in_one_piece_however_others_are_handed_out(dist):
    scheduling = FileScheduling(Config(2, dist))

    assert {scheduling._split_scope(item) for item in STORY} == {"a/s.npol.yaml"}


@pytest.mark.parametrize(
    ("dist", "pieces"),
    [
        ("load", [[0], [1], [2], [3]]),
        ("worksteal", [[0], [1], [2], [3]]),
        ("loadgroup", [[0], [1], [2, 3]]),
        ("loadscope", [[0, 1], [2], [3]]),
        ("loadfile", [[0, 1, 2], [3]]),
    ],
)
def test_what_is_no_story_is_handed_out_as_xdist_does(dist, pieces):
    scheduling = FileScheduling(Config(2, dist))
    found: dict[str, list[int]] = {}
    for number, item in enumerate(OTHERS):
        found.setdefault(scheduling._split_scope(item), []).append(number)

    assert list(found.values()) == pieces
