"""Baselines on the real source files, with their full recipes."""

import pytest

from nasturtium.records.parquet import read_rows

pytestmark = pytest.mark.long


def baseline(project, real_data, dataset) -> dict:
    project.configure({"datasets": [dataset]})
    target = f"results/{dataset}/seed0/baseline/metrics.parquet"
    done = project.snakemake(target, environment={"NASTURTIUM_DATA": str(real_data)})
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = read_rows(project.path(target))
    return row


def test_mnist(project, real_data):
    row = baseline(project, real_data, "mnist")
    assert row["parameters"] == 483_482
    assert row["test_samples"] == 10_000
    assert row["test_accuracy"] >= 0.980


def test_california_housing(project, real_data):
    row = baseline(project, real_data, "california_housing")
    assert row["parameters"] == 11_739
    assert row["target_unit"] == "100,000 USD"
    assert row["test_mae"] <= 0.36
