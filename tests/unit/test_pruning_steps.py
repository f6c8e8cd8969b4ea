"""A training that is too short for pruning is found before the first job."""

import gzip
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from nasturtium.data.own.sizes import most_samples
from nasturtium.errors import ConfigError, PruningError
from nasturtium.pruning.schedule import CubicSchedule
from nasturtium.settings import configuration, pruning_steps
from nasturtium.settings.schema import load_schema

ROWS = 90


def of_csv(path):
    path.write_text("x,y\n" + "1,2\n" * ROWS, encoding="utf-8")


def of_old_csv(path):
    path.write_bytes(b"x,y\r" + b"1,2\r" * ROWS)


def of_packed_csv(path):
    path.write_bytes(gzip.compress(b"x,y\n" + b"1,2\n" * ROWS))


def of_parquet(path):
    pyarrow.parquet.write_table(pa.table({"x": np.ones(ROWS), "y": np.ones(ROWS)}), path)


def of_npz(path):
    np.savez_compressed(path, x=np.ones((ROWS, 2)), y=np.ones(ROWS))


def of_idx(path):
    path.write_bytes(struct.pack(">4i", 2051, ROWS, 2, 2) + bytes(4 * ROWS))


def of_pictures(path):
    for number in range(ROWS):
        (path / str(number % 2)).mkdir(parents=True, exist_ok=True)
        (path / str(number % 2) / f"{number}.png").touch()


WRITTEN = {
    "a.csv": ("csv", of_csv),
    "old.csv": ("csv", of_old_csv),
    "a.csv.gz": ("csv", of_packed_csv),
    "a.parquet": ("parquet", of_parquet),
    "a.npz": ("npz", of_npz),
    "a.idx": ("idx", of_idx),
    "pictures": ("folder-of-images", of_pictures),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_samples_are_counted_at_a_glance(tmp_path, name):
    kind, write = WRITTEN[name]
    write(tmp_path / name)
    assert most_samples({"format": kind, "path": str(tmp_path / name)}) == ROWS


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz", "idx"])
def test_a_broken_or_large_file_is_left_to_its_reader(tmp_path, kind):
    (tmp_path / "a").write_bytes(b"\x1f\x8b" if kind != "csv" else b"1\n" * 2**20)
    assert most_samples({"format": kind, "path": str(tmp_path / "a")}) is None
    assert most_samples({"format": kind, "path": str(tmp_path / "lacking")}) is None


def study(path, **config):
    own = {"format": "csv", "path": str(path), "task": "regression", "target": "y"}
    own |= {"reference": {"mlp": [4]}, "split": {"test": 0.2}}
    return configuration.validated(
        {"datasets": ["mine"], "own_datasets": {"mine": own}, **config}, load_schema()
    )


@pytest.mark.parametrize(
    ("batch_size", "epochs", "fits"),
    # 90 samples, 18 of them for the test: 72 to train by at most.
    [(16, 4, True), (18, 4, False), (18, 5, True), (72, 20, True), (72, 19, False)],
)
def test_too_few_steps_of_a_described_data_set(tmp_path, batch_size, epochs, fits):
    of_csv(tmp_path / "a.csv")
    pruning = {"epochs": epochs, "warm_up": 0, "recovery": 0.1}
    config = study(tmp_path / "a.csv", pruning=pruning, training={"batch_size": batch_size})
    if fits:
        pruning_steps.check(config)
        return
    with pytest.raises(ConfigError) as raised:
        pruning_steps.check(config)
    said = f"'mine' has at most 72 training samples, so 'pruning.epochs' ({epochs})"
    assert said in str(raised.value)


def test_a_search_of_pruned_nets_alone_needs_steps_too(tmp_path):
    of_csv(tmp_path / "a.csv")
    config = {"pruning": {"epochs": 30}, "training": {"batch_size": 64}}
    search = {"epochs": 6, "pruning_ratios": [0.5]}
    with pytest.raises(ConfigError, match=r"'search\.epochs' \(6\)"):
        pruning_steps.check(study(tmp_path / "a.csv", search=search, **config))
    search["pruning_ratios"] = [0, 0.5]
    pruning_steps.check(study(tmp_path / "a.csv", search=search, **config))


def test_nothing_is_refused_that_would_run(tmp_path):
    """Whatever part of at most 72 samples is trained by, a refused training fits none of them."""
    of_csv(tmp_path / "a.csv")
    draw, refused = np.random.default_rng(0), 0
    for _ in range(200):
        batch_size, epochs = int(draw.integers(1, 80)), int(draw.integers(2, 40))
        warm_up, recovery = np.round(draw.uniform([0, 0.05], [0.5, 0.5]), 2).tolist()
        try:
            config = study(
                tmp_path / "a.csv",
                pruning={"epochs": epochs, "warm_up": warm_up, "recovery": recovery},
                training={"batch_size": batch_size},
            )
            pruning_steps.check(config)
        except ConfigError:
            refused += 1
            for samples in range(1, 73):
                steps = -(-samples // batch_size)
                with pytest.raises(PruningError):
                    CubicSchedule.of_epochs(epochs, steps, 0.5, warm_up, recovery)
    assert 10 < refused < 190


def test_built_in_data_sets_have_steps_enough_by_default():
    config = configuration.validated({"datasets": list(pruning_steps._BUILT_IN)}, load_schema())
    pruning_steps.check(config)
    config["training"]["batch_size"], config["pruning"]["epochs"] = 400, 3
    with pytest.raises(ConfigError, match=r"Data set 'digits' has at most 1,528 training samples"):
        pruning_steps.check(config)
