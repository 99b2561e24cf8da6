"""The process for long texts: what comes back from it, and what becomes of work when it dies or nobody waits."""

from __future__ import annotations

import asyncio
import os
from contextlib import closing

import pytest

import worker_work
from crosslate.server import worker as module
from crosslate.server.answers import Refusal
from crosslate.server.worker import Done, Worker
from toy_server import wait_for


@pytest.fixture(scope="module")
def worker():
    made = Worker(3)
    yield made
    made.close()


def run(worker, function, *arguments):
    """The value of a work that wants nothing."""

    async def done():
        with closing(worker.begin(function, arguments, is_long=True)) as work:
            return await work.send(None)

    found = asyncio.run(done())
    assert isinstance(found, Done)
    return found.value


async def until(condition):
    while not condition():
        await asyncio.sleep(0.01)


def test_works_go_on_side_by_side_where_they_were(worker):
    async def talk():
        with (
            closing(worker.begin(worker_work.summed, (1,), is_long=True)) as one,
            closing(worker.begin(worker_work.summed, (10,), is_long=False)) as other,
        ):
            sums = [await work.send(value) for value in (None, 2, 3) for work in (one, other)]
            return sums, [await one.send(0), await other.send(0)]

    assert asyncio.run(talk()) == ([1, 10, 3, 12, 6, 15], [Done("in all 6"), Done("in all 15")])


def test_it_has_a_lower_priority_and_what_it_prints_is_no_message(worker):
    assert run(worker, worker_work.niceness) == min(19, os.nice(0) + 10)
    assert run(worker, worker_work.printed, "something") != os.getpid()


def test_refusals_come_back_as_they_are_and_other_errors_without_their_text(worker, caplog):
    with pytest.raises(Refusal) as refused:
        run(worker, worker_work.refused)
    found = refused.value
    assert (found.status, found.message, found.headers) == (429, "too much", {"Retry-After": "7"})
    for function, arguments in ((worker_work.broken, ("secret",)), (worker_work.unpicklable, ())):
        with pytest.raises(Refusal, match="its log says where") as failed:
            run(worker, function, *arguments)
        assert failed.value.status == 500
    assert "ZeroDivisionError at " in caplog.text and "secret" not in caplog.text


def test_it_is_started_again_after_it_died_and_its_works_are_to_be_tried_again(worker):
    async def interrupted():
        with closing(worker.begin(worker_work.summed, (1,), is_long=False)) as waiting:
            assert await waiting.send(None) == 1
            with closing(worker.begin(worker_work.dying, (), is_long=True)) as dying:
                for work in (dying, waiting):
                    with pytest.raises(Refusal) as refused:
                        await work.send(None)
                    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "2"})

    first = run(worker, os.getpid)
    asyncio.run(interrupted())
    assert run(worker, os.getpid) != first


def test_what_nobody_waits_for_ends(worker, tmp_path):
    async def left():
        with closing(worker.begin(worker_work.endless, (tmp_path / "ended",), is_long=True)) as work:
            waiting = asyncio.ensure_future(work.send(None))
            await until((tmp_path / "ended.begun").exists)
            waiting.cancel()

    asyncio.run(left())
    wait_for((tmp_path / "ended").exists)
    assert isinstance(run(worker, os.getpid), int)  # and the thread is there for others


def test_one_that_hangs_is_replaced(worker, tmp_path, monkeypatch):
    async def left():
        with closing(worker.begin(worker_work.hanging, (tmp_path / "begun",), is_long=True)) as work:
            waiting = asyncio.ensure_future(work.send(None))
            await until((tmp_path / "begun").exists)
            waiting.cancel()

    asyncio.run(left())
    monkeypatch.setattr(module, "_MOST_SECONDS_AFTER_DROP", 0.0)
    assert isinstance(run(worker, os.getpid), int)


def test_too_much_work_is_refused(worker):
    works = [worker.begin(worker_work.summed, (1,), is_long=False) for _ in range(3)]
    with pytest.raises(Refusal) as refused:
        worker.begin(worker_work.summed, (1,), is_long=False)
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "2"})
    for each in works:
        each.close()
    assert isinstance(run(worker, os.getpid), int)
