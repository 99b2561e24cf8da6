"""Running a grid: resumable, independent cells; here and in processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

import study_work
from crosslate.errors import Interrupted, MissingExtra
from crosslate.studies.executors import Here, OnRay, Processes
from crosslate.studies.run import Place, run_study
from crosslate.studies.store import Store
from toy_study import titles


@pytest.fixture
def place(tmp_path):
    (tmp_path / "data").mkdir()
    return Place(tmp_path / "study", tmp_path / "data")


@pytest.fixture
def grid():
    return study_work.grid()


def run(grid, place, executor=None, tell=lambda *_: None):
    return run_study(list(grid.values()), Store(place.study), executor or Here(place, study_work.work), tell)


def test_every_cell_runs_after_what_it_needs_and_only_once(grid, place):
    told = []
    first = run(grid, place, tell=lambda summary, cell, _: told.append((cell.title, len(summary.done))))
    assert told[0] == ("parent", 1) and told[-1] == ("compare", 5)
    assert titles(first.done) == ["parent", "one", "two", "three", "compare"]
    assert Store(place.study).load(grid["compare"].key).values == {"needs": ["one", "two"]}
    second = run(grid, place)
    assert (titles(second.reused), second.done) == (["parent", "one", "two", "three", "compare"], [])
    assert [study_work.calls(place, title) for title in grid] == [1] * 5


def test_a_failed_cell_stops_only_what_needs_it_and_is_tried_again(grid, place):
    fails = place.data / "one.fails"
    fails.touch()
    summary = run(grid, place)
    assert [(cell.title, error) for cell, error in summary.failed] == [("one", "the text is not there")]
    assert titles(summary.done) == ["parent", "two", "three"]
    assert titles(summary.blocked) == ["compare"]
    assert Store(place.study).failure(grid["one"]) == "the text is not there"
    fails.unlink()
    assert titles(run(grid, place).done) == ["one", "compare"]
    assert study_work.calls(place, "two") == 1


def test_an_interrupted_cell_ends_the_run_and_has_no_result(grid, place):
    (place.data / "two.stops").touch()
    with pytest.raises(Interrupted, match="stopped after 2 cells"):
        run(grid, place)
    store = Store(place.study)
    assert store.is_done(grid["one"]) and not store.is_done(grid["two"])
    assert store.failure(grid["two"]) is None


def test_processes_do_the_same_and_survive_a_death(grid, place):
    (place.data / "one.dies").touch()
    summary = run(grid, place, Processes(place, study_work.work, 2))
    assert titles(summary.done)[0] == "parent" and set(titles(summary.done)) == {"parent", "two", "three"}
    ((cell, error),) = summary.failed
    assert (cell.title, error) == ("one", "its process ended with code 9, perhaps because memory ran out")
    assert titles(summary.blocked) == ["compare"]


def test_an_interrupted_study_ends_its_processes(grid, place):
    for title in ("one", "two"):
        (place.data / f"{title}.waits").touch()
    executor = Processes(place, study_work.work, 2)
    workers = []

    def interrupt():
        while not all(study_work.calls(place, title) for title in ("one", "two")):
            time.sleep(0.05)
        workers.extend(worker.process for worker in executor._workers)
        for worker in workers:
            worker.terminate()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(Interrupted):
        run(grid, place, executor)
    thread.join()
    assert len(workers) == 2 and not any(worker.is_alive() for worker in workers)
    assert not Store(place.study).is_done(grid["one"])


def test_an_idle_process_that_dies_is_replaced(grid, place):
    executor = Processes(place, study_work.work, 2)

    def kill_the_idle(summary, cell, outcome):
        for worker in executor._workers if cell.title == "parent" else ():
            worker.process.kill()
            worker.process.join()

    summary = run(grid, place, executor, kill_the_idle)
    assert len(summary.done) == 5 and summary.failed == []


def test_two_runs_in_one_folder_share_the_work(grid, place):
    summaries = []
    threads = [threading.Thread(target=lambda: summaries.append(run(grid, place))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(summary.done) + len(summary.reused) for summary in summaries] == [5, 5]
    assert [study_work.calls(place, title) for title in grid] == [1] * 5


_SCRIPT = """
import sys
from pathlib import Path
import study_work
from toy_study import titles
from crosslate.studies.executors import Processes
from crosslate.studies.run import Place, run_study
from crosslate.studies.store import Store

if __name__ == "__main__":
    place = Place(Path(sys.argv[1]) / "study", Path(sys.argv[1]) / "data")
    run_study(list(study_work.grid().values()), Store(place.study), Processes(place, study_work.work, 2))
"""


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_no_process_outlives_a_closed_terminal_or_a_killed_run(grid, place, tmp_path, number):
    (place.data / "parent.waits").touch()
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    first = subprocess.Popen(
        [sys.executable, script, tmp_path], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not study_work.calls(place, "parent"):
        assert first.poll() is None
        time.sleep(0.05)
    worker = int((place.data / "parent.calls").read_text())
    first.send_signal(number)
    first.wait(timeout=60)
    for _ in range(600):
        if not _is_running(worker):
            break
        time.sleep(0.05)
    assert not _is_running(worker)
    assert (
        not Store(place.study).is_done(grid["parent"]) and Store(place.study).failure(grid["parent"]) is None
    )


def _is_running(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    # One that has ended and that nobody has asked for its end yet still has its number.
    status = Path(f"/proc/{number}/stat")
    return not (status.is_file() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def test_ray_is_asked_for_only_when_it_is_wanted(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"pip install 'crosslate\[ray\]'"):
        OnRay(place, study_work.work)


@pytest.mark.full
@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed: pip install 'crosslate[ray]'")
def test_cells_are_ray_tasks(grid, place):
    import ray

    # Ray's own processes must find this folder of tests.
    ray.init(
        num_cpus=2, include_dashboard=False, runtime_env={"env_vars": {"PYTHONPATH": ":".join(sys.path)}}
    )
    try:
        (place.data / "one.dies").touch()
        summary = run(grid, place, OnRay(place, study_work.work))
    finally:
        ray.shutdown()
    assert set(titles(summary.done)) == {"parent", "two", "three"}
    assert summary.failed[0][0].title == "one" and "Ray lost the task" in summary.failed[0][1]
    assert titles(summary.blocked) == ["compare"]
