"""Workers that share a search but train nothing, for tests of their state and storage."""

import json
import os
import signal
import threading

import keras_tuner

from nasturtium.search.state_access import gather_state, join_state
from nasturtium.search.study import shared_oracle
from nasturtium.search.study.storage import open_storage

TRIALS = 8
SETTINGS = {
    "pareto": {"sampler": "tpe"},
    "constraints": {"parameters": 60},
    "trials": TRIALS,
    "max_consecutive_failures": 3,
}
TERMS = ["validation_loss", "parameters"]


class Space:
    """Nets of one or two layers; a size of the second layer is chosen only if it exists."""

    def build(self, hp) -> int:
        parameters = hp.Choice("units_0", [2, 4, 8, 16, 32], ordered=True)
        if hp.Choice("layers", [1, 2], ordered=True) == 2:
            parameters += hp.Choice("units_1", [2, 4, 8, 16, 32], ordered=True)
        return parameters

    def signature(self, values) -> str:
        hp = keras_tuner.HyperParameters()
        hp.values.update(values)
        return str(self.build(hp))

    def suggest(self, hp) -> dict:
        self.build(hp)
        return dict(hp.values)

    def starts(self) -> list[dict]:
        return [
            {"units_0": size, "layers": layers, **({"units_1": size} if layers == 2 else {})}
            for size, layers in ((8, 1), (2, 1), (32, 2))
        ]


def oracle_of(state, worker, settings=SETTINGS, url=None):
    name = f"study-{state.nonce}"
    oracle = shared_oracle.make_shared_oracle(
        settings,
        Space(),
        terms=TERMS,
        constraints=settings["constraints"],
        outcome=state.row,
        storage=lambda: open_storage(url, state.folder / "study.journal", name),
        name=name,
        seed=shared_oracle.sampler_seed(0, worker, len(state.recorded())),
        state=state,
        worker=worker,
    )
    oracle._set_project_dir(str(state.tables(worker)), "oracle")
    return oracle


def outcome(name: str, worker: int, values: dict, status: str = "completed") -> dict:
    hp = keras_tuner.HyperParameters()
    hp.values.update(values)
    parameters = Space().build(hp)
    return {
        "trial": name,
        "worker": worker,
        "status": status,
        "validation_loss": 1 / parameters,
        "shortfall": 0.0,
        "parameters": parameters,
        "signature": Space().signature(values),
        "hyperparameters": json.dumps(values),
        "score": 1.0,
    }


def work(folder, worker=0, *, url=None, settings=SETTINGS, at=lambda step: None, fails=()) -> int:
    """What a worker does, less the training; ``at`` is called before each of its steps."""
    ran = 0
    with join_state(folder, "mark", worker) as state:
        oracle = oracle_of(state, worker, settings, url)
        tell, claim = oracle._tell, oracle._claim
        oracle._claim = lambda *args: (at("claim"), claim(*args))
        oracle._tell = lambda *args: (at("tell"), tell(*args))
        while True:
            trial = oracle.create_trial(f"worker{worker}")
            if trial.status == "STOPPED":
                return ran
            at("train")
            name = oracle.name(trial.trial_id)
            failed = name in fails
            row = outcome(
                name, worker, trial.hyperparameters.values, "failed" if failed else "completed"
            )
            state.record(row, [])
            ran += 1
            trial.status = "FAILED" if failed else "COMPLETED"
            trial.message = "it failed"
            if not failed:
                oracle.update_trial(trial.trial_id, {"score": 1.0})
            oracle.end_trial(trial)
            at("told")


def killed(folder, step: str, after: int, **kwargs) -> None:
    """A worker that is killed before its ``step`` of the trial number ``after``."""
    seen = []

    def at(reached):
        seen.append(reached)
        if reached == step and seen.count(step) > after:
            os.kill(os.getpid(), signal.SIGKILL)

    process = os.fork()
    if process == 0:
        work(folder, at=at, **kwargs)
        os._exit(0)
    assert os.waitpid(process, 0)[1] == signal.SIGKILL


def recorded(folder) -> list[dict]:
    with gather_state(folder, "mark") as state:
        return [done["row"] for done in state.recorded().values()]


def assert_whole(folder, trials=TRIALS) -> None:
    rows = recorded(folder)
    assert [row["trial"] for row in rows] == [f"{n:04d}" for n in range(trials)]
    assert len({row["signature"] for row in rows}) == trials


def assert_two_share(folder, url=None) -> None:
    """Two workers at once run all trials between them, none twice."""
    ran, meeting = {}, threading.Barrier(2)

    def run(worker):
        met = []

        def at(step):
            # Both are in a trial at the same time at least once.
            if step == "train" and not met:
                met.append(step)
                meeting.wait(60)

        ran[worker] = work(folder, worker, url=url, at=at)

    threads = [threading.Thread(target=run, args=(worker,)) for worker in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sum(ran.values()) == TRIALS
    assert min(ran.values()) >= 1
    assert_whole(folder)
    assert {row["worker"] for row in recorded(folder)} == {0, 1}


def assert_killed_loses_one(folder, step: str, url=None) -> None:
    """A worker is killed before its ``step`` of the third trial; another ends the search."""
    killed(folder, step, after=2, url=url)
    before = {row["trial"]: row for row in recorded(folder)}
    assert len(before) == {"claim": 2, "train": 2, "tell": 3, "told": 3}[step]
    assert work(folder, url=url) == TRIALS - len(before)
    assert_whole(folder)
    after = {row["trial"]: row for row in recorded(folder)}
    assert all(after[name] == row for name, row in before.items())
