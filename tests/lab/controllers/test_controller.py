import asyncio

from npol_lab.controllers.controller import Controller, key_of
from npol_lab.registry import Registry, StatusError
from npol_lab.store import Store


class Recording(Controller):
    watches = ("namespaces",)

    def __init__(self, registry):
        super().__init__(registry)
        self.seen = []
        self.failing = {}

    def touches(self, event):
        return [key_of("namespaces", event.object)]

    def reconcile(self, key):
        self.seen.append(key.name)
        if self.failing.get(key.name):
            raise self.failing.pop(key.name)


def run(work):
    async def inside():
        registry = Registry(Store())
        controller = Recording(registry)
        task = asyncio.create_task(controller.run())
        await work(registry, controller)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return controller.seen

    return asyncio.run(inside())


async def turns():
    for _ in range(10):
        await asyncio.sleep(0)


def test_events_of_one_object_are_looked_at_once():
    async def work(registry, controller):
        made = registry.create("namespaces", {"metadata": {"name": "a"}})
        made["metadata"]["labels"] = {"x": "y"}
        registry.update("namespaces", made)
        await turns()

    assert run(work) == ["a"]


def test_a_refused_write_is_tried_again():
    async def work(registry, controller):
        controller.failing["a"] = StatusError(409, "Conflict", "changed")
        registry.create("namespaces", {"metadata": {"name": "a"}})
        while len(controller.seen) < 2:
            await asyncio.sleep(0.005)

    assert run(work) == ["a", "a"]


def test_a_defect_at_one_object_does_not_stop_the_others(caplog):
    async def work(registry, controller):
        controller.failing["a"] = KeyError("spec")
        registry.create("namespaces", {"metadata": {"name": "a"}})
        registry.create("namespaces", {"metadata": {"name": "b"}})
        await turns()

    assert run(work) == ["a", "b"]
    assert "Recording failed at" in caplog.text
