"""Splits by group and by time, and weights of rare classes."""

import json

import numpy as np
import pytest

from nasturtium.data import notices, prepared, readers, splits
from nasturtium.data.catalog import Description
from nasturtium.data.splits import Split, TrainingData
from nasturtium.errors import ConfigError, DataError
from nasturtium.jobs import runtime
from nasturtium.models.reference_nets import build_reference
from nasturtium.settings import configuration
from nasturtium.settings.schema import load_schema
from nasturtium.training.fit import fit
from nasturtium.training.frame_statistics import frame_of

SHARES = {"validation": 0.2, "test": 0.2}
DRAWN = np.random.default_rng(0)


def own_data(folder, header, rows, **own):
    (folder / "a.csv").write_text("\n".join([header, *rows]) + "\n")
    return {
        "format": "csv",
        "path": str(folder / "a.csv"),
        "task": "regression",
        "target": "y",
        "reference": {"mlp": [2]},
        **own,
    }


def split(folder, own, seed=0):
    description, samples = readers.read_described("mine", own)
    prepared.write(folder / "d", description, samples)
    with notices.collected() as said:
        splits.write_split(folder / "s.npz", prepared.read(folder / "d"), SHARES, seed)
    with np.load(folder / "s.npz") as indices:
        return [indices[name] for name in ("train", "validation", "test")], description, said


def test_groups_stay_whole_and_are_no_feature(tmp_path):
    (tmp_path / "d").mkdir()
    groups = [f"patient {n}" for n in DRAWN.integers(0, 40, 400)]
    rows = [f"{DRAWN.random()},{group},{row}" for row, group in enumerate(groups)]
    own = own_data(tmp_path, "a,who,y", rows, split={"group": "who"})
    parts, description, _ = split(tmp_path, own)
    assert description.feature_names == ("a",)
    held = [{groups[i] for i in part} for part in parts]
    assert not held[0] & held[1] | held[0] & held[2] | held[1] & held[2]
    assert sorted(np.concatenate(parts)) == list(range(400))
    assert [len(part) / 400 for part in parts] == pytest.approx([0.64, 0.16, 0.2], abs=0.04)
    other = split(tmp_path, own, seed=1)[0]
    assert {groups[i] for i in other[2]} != held[2]


@pytest.mark.parametrize("written", ["%Y-%m-%d", "%d.%m.%Y", "number"])
def test_validation_and_test_are_what_came_later(tmp_path, written):
    (tmp_path / "d").mkdir()
    days = DRAWN.permutation(np.arange("2019-12-01", "2020-03-10", dtype="datetime64[D]"))
    texts = [
        f"{day.astype(int)}" if written == "number" else day.item().strftime(written)
        for day in np.repeat(days, 2)
    ]
    rows = [f"{row % 7},{text},{row}" for row, text in enumerate(texts)]
    own = own_data(tmp_path, "a,day,y", rows, split={"time": "day"})
    (train, validation, test), description, _ = split(tmp_path, own)
    assert description.feature_names == ("a",)
    moments = np.repeat(days, 2)
    assert moments[train].max() < moments[validation].min()
    assert moments[validation].max() < moments[test].min()
    assert (len(train), len(validation), len(test)) == (128, 32, 40)


def test_one_group_or_time_and_rows_without_are_refused(tmp_path):
    (tmp_path / "d").mkdir()
    rows = [f"{row},x,{row}" for row in range(20)]
    with pytest.raises(DataError, match="has only one group"):
        split(tmp_path, own_data(tmp_path, "a,who,y", rows, split={"group": "who"}))
    rows[4] = "1,,2"
    with pytest.raises(DataError, match="column 'who': row 6 has no group to split by"):
        split(tmp_path, own_data(tmp_path, "a,who,y", rows, split={"group": "who"}))
    rows = [f"{row},2020-01-{row + 1:02},{row}" for row in range(20)]
    rows[7] = "1,soon,2"
    with pytest.raises(DataError, match="row 9 has 'soon', which is no time like"):
        split(tmp_path, own_data(tmp_path, "a,day,y", rows, split={"time": "day"}))


def test_a_test_file_that_shares_groups_is_said(tmp_path):
    (tmp_path / "d").mkdir()
    own = own_data(tmp_path, "a,who,y", [f"{r},g{r % 5},{r}" for r in range(40)])
    (tmp_path / "t.csv").write_text("a,who,y\n1,g1,1\n2,new,2\n")
    own |= {"split": {"group": "who"}, "test_path": str(tmp_path / "t.csv")}
    assert (
        "1 groups are both in the training file and in the test file" in split(tmp_path, own)[2][0]
    )


def test_a_column_of_the_split_is_described_with_the_data(tmp_path):
    own = own_data(tmp_path, "a,who,y", ["1,2,3"], split={"group": "who", "test": 0.3})
    config = configuration.validated(
        {"datasets": ["mine"], "own_datasets": {"mine": own}}, load_schema()
    )
    # The column reruns the reading, the share does not.
    assert configuration.own_description(config, "mine")["split"] == {"group": "who"}
    assert configuration.for_stage(config, "split_data", "mine")["split"]["test"] == 0.3
    for wrong, said in (
        ({"split": {"group": "a", "time": "b"}}, "has both 'group' and 'time'"),
        ({"split": {"group": "y"}}, "which is the target, a feature"),
    ):
        with pytest.raises(ConfigError, match=said):
            configuration.validated({"own_datasets": {"mine": own | wrong}}, load_schema())


def test_balanced_weights_find_the_rare_class():
    draw = np.random.default_rng(3)
    labels = (draw.random(2000) < 0.05).astype(np.int64)
    features = (draw.normal(size=(2000, 2)) + labels[:, np.newaxis]).astype(np.float32)
    data = TrainingData(
        Description("rare", "classification", (2,), classes=2, reference={"mlp": [8]}),
        Split(features[:1500], labels[:1500]),
        Split(features[1500:], labels[1500:]),
    )
    recipe = {
        "epochs": 8,
        "batch_size": 64,
        "optimizer": "adam",
        "learning_rate": 0.01,
        "schedule": "cosine",
        "weight_decay": 0,
    }
    found = []
    for weights in ("none", "balanced"):
        runtime.seed_everything(0)
        net = build_reference("rare", frame_of(data), data.description.reference)
        fit(net, data, {**recipe, "class_weights": weights}, seed=0, label="test")
        answers = net.predict(data.validation.features, verbose=0).argmax(axis=1)
        found.append((answers[data.validation.targets == 1] == 1).mean())
    assert found[0] < 0.4
    assert found[1] > 0.6


def test_the_card_says_what_splits_keep_to(tmp_path):
    (tmp_path / "d").mkdir()
    own = own_data(
        tmp_path, "a,who,y", [f"{r},g{r % 5},{r}" for r in range(40)], split={"group": "who"}
    )
    split(tmp_path, own)
    assert json.loads((tmp_path / "d" / "dataset.json").read_text())["split_by"] == "group"
