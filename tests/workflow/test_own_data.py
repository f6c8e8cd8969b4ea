"""Data sets of users, each described in a dozen lines, run all five stages."""

import copy
import json

import numpy as np
import pytest
import yaml

from nasturtium.records.parquet import read_rows
from tests.workflow.conftest import TINY, Project

OWN = """
datasets: [shapes, cars]
own_datasets:
  shapes:
    format: npz
    path: given/shapes.npz
    task: classification
    reference: {cnn: {filters: [4, 8], dense: [8]}}
  cars:
    format: csv
    path: given/cars.csv
    task: regression
    target: price
    target_unit: EUR
    categorical: [fuel]
    missing: median
    split: {test: 0.3}
    reference: {mlp: [8, 4]}
per_dataset:
  cars:
    measure: {latency_runs: 25}
"""


def write_sources(folder) -> None:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 2
    images = rng.integers(0, 60, (120, 8, 8)).astype(np.uint8)
    images[labels == 1, :4] += 150
    np.savez_compressed(folder / "shapes.npz", x=images, y=labels)
    lines = ["age,fuel,power,price"]
    for i in range(200):
        age, fuel, power = rng.uniform(0, 10), ("gas", "oil", "")[i % 3], rng.uniform(50, 150)
        price = 20_000 - 1_000 * age + 100 * power + 2_000 * (fuel == "gas")
        lines.append(f"{age:.2f},{fuel},{'' if i % 20 == 0 else f'{power:.1f}'},{price:.0f}")
    (folder / "cars.csv").write_text("\n".join(lines) + "\n")


def own_config() -> dict:
    config = {**copy.deepcopy(TINY), **yaml.safe_load(OWN)}
    config["pruning"].update(methods=["channels"], controls=[])
    config["training"] = {"epochs": 8, "batch_size": 16, "learning_rate": 0.01}
    config["search"]["trials"] = 1
    return config


ALL_STAGES = pytest.mark.long  # some 100 s together


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Project:
    project = Project(tmp_path_factory.mktemp("own") / "project")
    write_sources(project.path("given"))
    project.configure(own_config())
    done = project.snakemake()
    assert done.returncode == 0, done.stdout + done.stderr
    return project


@ALL_STAGES
def test_all_five_stages_ran_and_learned_something(own):
    rows = read_rows(own.path("results/summary.parquet"))
    stages = ["baseline", "pruned", "nas", "nas_pruned", "nas_with_pruning"]
    for name in ("shapes", "cars"):
        assert [row["stage"] for row in rows if row["dataset"] == name] == stages
    baseline = {row["dataset"]: row for row in rows if row["stage"] == "baseline"}
    assert baseline["shapes"]["test_accuracy"] > 0.9
    # 4 filters of 3x3x1, 8 of 3x3x4, then 2x2x8-8-2.
    assert baseline["shapes"]["parameters"] == 40 + 296 + 264 + 18
    assert baseline["cars"]["target_unit"] == "EUR"
    assert baseline["cars"]["test_samples"] == 60
    # age, power, and fuel as three columns, one of them for "missing".
    assert baseline["cars"]["parameters"] == (5 * 8 + 8) + (8 * 4 + 4) + (4 + 1)


@ALL_STAGES
def test_the_cards_say_what_was_read(own):
    card = json.loads(own.path("results/data/cars/dataset.json").read_text())
    description = card["description"]
    assert description["feature_names"] == [
        "age",
        "power",
        "fuel=(missing)",
        "fuel=gas",
        "fuel=oil",
    ]
    assert len(card["sources_sha256"]["cars.csv"]) == 64
    assert card["features_shape"] == [200, 5]
    card = json.loads(own.path("results/data/shapes/seed0.split.json").read_text())
    assert [card[name]["samples"] for name in ("train", "validation", "test")] == [86, 16, 18]
    assert card["test"]["label_counts"] == [9, 9]


@ALL_STAGES
def test_what_is_missing_becomes_the_median_of_the_train_split(own):
    features = np.load(own.path("results/data/cars/features.npy"))
    indices = np.load(own.path("results/data/cars/seed0.split.npz"))
    np.testing.assert_allclose(
        indices["fill"], np.nanmedian(features[indices["train"]], axis=0), rtol=1e-6
    )
    assert np.isnan(features[:, 1]).sum() == 10


@ALL_STAGES
def test_a_changed_file_or_description_reruns_its_data_set_alone(own):
    assert own.planned() == {}
    path = own.path("given/cars.csv")
    content = path.read_text()
    try:
        path.write_text(content + "1,gas,100,29000\n")
        planned = own.planned()
        assert planned["prepare_data"] == planned["baseline"] == planned["nas"] == 1
    finally:
        path.write_text(content)
    config = own_config()
    config["own_datasets"]["shapes"]["input_scale"] = 210
    own.configure(config)
    try:
        targets = [f"results/{name}/seed0/baseline/metrics.parquet" for name in ("shapes", "cars")]
        assert own.planned(targets[0])["prepare_data"] == 1
    finally:
        own.configure(own_config())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"path": "given/none.csv"}, "there is no file 'given/none.csv'"),
        ({"format": "xlsx"}, "'own_datasets.cars.format' must be one of npz, idx, csv"),
        ({"colour": 1}, "'own_datasets.cars.colour' is not known"),
        ({"reference": {"mlp": [0]}}, "must be at least 1, not 0"),
        ({"reference": "resnet"}, "'own_datasets.cars.reference' must be one of digits"),
    ],
)
def test_a_wrong_description_ends_before_anything_runs(project, change, sentence):
    write_sources(project.path("given"))
    config = own_config()
    config["own_datasets"]["cars"].update(change)
    project.configure(config)
    done = project.snakemake("-n")
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert sentence in output
    assert "Traceback" not in output


def test_a_name_that_is_a_command_is_refused(project):
    write_sources(project.path("given"))
    config = own_config()
    config["own_datasets"]["a; touch x"] = config["own_datasets"]["cars"]
    config["datasets"] = ["a; touch x"]
    project.configure(config)
    done = project.snakemake("-n")
    assert done.returncode != 0
    assert "has the name 'a; touch x', but names may only have" in done.stdout + done.stderr
    assert not project.path("x").exists()


def test_a_broken_file_of_the_user_s_is_one_sentence_and_nothing_is_written(project):
    write_sources(project.path("given"))
    path = project.path("given/cars.csv")
    path.write_text(path.read_text() + "3,gas,strong,100\n")
    project.configure(own_config())
    done = project.snakemake("results/data/cars/dataset.json")
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert (
        "given/cars.csv: row 202 (the header is row 1) has 'strong' in the column 'power'" in output
    )
    assert "Traceback" not in output
    folder = project.path("results/data/cars")
    assert not folder.exists() or list(folder.iterdir()) == []
