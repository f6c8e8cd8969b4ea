"""Configuration: one sentence for each mistake, defaults in one place, exact subsets by stage."""

import copy
import re
from pathlib import Path

import pytest
import yaml

from nasturtium.errors import ConfigError
from nasturtium.settings import configuration, schema
from nasturtium.settings.schema import stages_of_keys

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


def config() -> dict:
    return yaml.safe_load((ROOT / "config/config.yaml").read_text())


def with_key(path: str, value: object) -> dict:
    changed = config()
    *parents, last = path.split(".")
    target = changed
    for parent in parents:
        target = target.setdefault(parent, {})
    target[last] = value
    return changed


def test_the_shipped_files_are_valid():
    configuration.validated(config(), SCHEMA)
    for name in ("study", "try"):
        own = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
        configuration.validated(configuration._merged(config(), own), SCHEMA)


def test_every_key_has_its_default_in_config_yaml_and_nowhere_else():
    written = config()
    written["per_dataset"] = {}
    assert configuration.validated({}, SCHEMA) == written
    for section in ("split", "training", "pruning", "search", "measure"):
        definition = SCHEMA["$defs"][section]
        # Below a key that is null there is nothing by default.
        off = {key for key, value in written[section].items() if value is None}
        below = set().union(*(keys_of(definition["properties"][key]) for key in off))
        assert keys_of(definition) - below <= keys_in(written[section])
        assert "'default':" not in str(SCHEMA["$defs"][section]), section


def test_the_schema_notes_for_each_key_of_a_section_which_stages_it_changes():
    notes = stages_of_keys()
    sections = {"split", "training", "pruning", "quantisation", "search", "measure"}
    assert set(notes) == sections
    for section, keys in notes.items():
        assert set(keys) == set(config()[section])
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    asked = set(re.findall(r"plan\.(?:search_)?settings\(\"(\w+)\"\)", rules))
    noted = {stage for keys in notes.values() for stages in keys.values() for stage in stages}
    assert noted == asked
    assert notes["search"]["workers"] == notes["pruning"]["ratios"] == frozenset()


def test_a_key_that_does_not_say_which_stages_it_changes_is_refused(monkeypatch):
    forgotten = copy.deepcopy(SCHEMA)
    forgotten["$defs"]["pruning"]["properties"]["colour"] = {"type": "string"}
    monkeypatch.setattr(schema, "load_schema", lambda: forgotten)
    with pytest.raises(ConfigError, match=r"'pruning\.colour' does not say which stages"):
        stages_of_keys.__wrapped__()


@pytest.mark.parametrize(
    ("path", "value", "named", "remedy"),
    [
        ("trainig", {}, "'trainig'", "did you mean 'training'?"),
        ("training.epoch", 3, "'training.epoch'", "did you mean 'epochs'?"),
        ("datasets", ["mnits"], "'datasets.0'", "must be one of digits, diabetes, mnist"),
        ("training.epochs", "many", "'training.epochs'", "must be of type integer"),
        ("training.epochs", 0, "'training.epochs'", "must be at least 1"),
        ("pruning.ratios", [1.5], "'pruning.ratios.0'", "must be less than 1"),
        ("pruning.ratios", [0.0], "'pruning.ratios.0'", "must be greater than 0"),
        ("pruning.ratios", [0.333], "'pruning.ratios'", "steps of 0.01"),
        ("pruning.ratios", [], "'pruning.ratios'", "at least 1 entries"),
        ("pruning.methods", ["magic"], "'pruning.methods.0'", "must be one of magnitude"),
        ("seeds", [1, 1], "'seeds'", "must not have an entry twice"),
        ("per_dataset.mnist.training.epochs", 1.5, "'per_dataset.mnist.training.epochs'", "type"),
        ("per_dataset.mnits", {}, "'per_dataset.mnits'", "did you mean 'mnist'?"),
        ("per_dataset.mnist.pruning.ratios", [0.005], "'per_dataset.mnist.pruning.ratios'", "0.01"),
    ],
)
def test_a_mistake_gets_one_sentence_with_key_and_remedy(path, value, named, remedy):
    with pytest.raises(ConfigError) as caught:
        configuration.validated(with_key(path, value), SCHEMA)
    message = str(caught.value)
    assert named in message
    assert remedy in message
    assert "\n" not in message
    assert len(message) < 250


@pytest.mark.parametrize(
    "beside", [{"block_size": [1, 4]}, {"layer_ratios": {"dense_0": 0.5}}], ids=str
)
def test_one_threshold_over_all_layers_goes_with_no_option_of_single_layers(beside):
    options = {"threshold": "global", **beside}
    (name,) = beside
    with pytest.raises(ConfigError, match=rf"'pruning\.magnitude\.{name}' has no effect if"):
        configuration.validated(with_key("pruning.magnitude", options), SCHEMA)
    own = with_key("per_dataset.mnist.pruning.magnitude", options)
    with pytest.raises(ConfigError, match=rf"'per_dataset\.mnist\.pruning\.magnitude\.{name}'"):
        configuration.validated(own, SCHEMA)


@pytest.mark.parametrize("hundredths", range(1, 100))
def test_every_ratio_in_steps_of_a_hundredth_is_accepted(hundredths):
    configuration.validated(with_key("pruning.ratios", [hundredths / 100]), SCHEMA)


def test_a_data_set_s_section_wins_over_the_common_one_key_by_key():
    common = {"epochs": 3, "batch_size": 17}
    given = configuration.validated(
        {"per_dataset": {"mnist": {"training": {"epochs": 7}}}, "training": common}, SCHEMA
    )
    assert configuration.for_dataset(given, "mnist")["training"]["epochs"] == 7
    assert configuration.for_dataset(given, "digits")["training"]["epochs"] == 3
    # What the data set's section leaves out is the common value, not the schema's default.
    assert configuration.for_dataset(given, "mnist")["training"]["batch_size"] == 17


def test_a_stage_gets_exactly_what_it_depends_on():
    given = configuration.validated({}, SCHEMA)
    assert set(configuration.for_stage(given, "baseline", "digits")) == {"training"}
    pruning = configuration.for_stage(given, "pruned", "digits")["pruning"]
    # Which runs there are does not change one of them: another ratio must not rerun the first.
    assert "ratios" not in pruning
    assert "methods" not in pruning
    assert "epochs" in pruning


def test_a_device_s_limits_are_constraints_of_its_searches():
    given = with_key("search.device", "nucleo_l031k6")
    given["search"]["constraints"] = {"int8_ram": 4000, "parameters": 900}
    found = configuration.for_search(configuration.validated(given, SCHEMA), "nas", "digits", "")
    assert found["search"]["constraints"] == {
        "int8_flash": 32_768,
        "int8_ram": 4000,
        "parameters": 900,
    }


def keys_in(value: object) -> set[str]:
    if not isinstance(value, dict):
        return set()
    return set(value).union(*map(keys_in, value.values()))


def keys_of(schema: dict) -> set[str]:
    found = set()
    for key, part in schema.get("properties", {}).items():
        found.add(key)
        reference = part.get("$ref", "").rpartition("/")[2]
        if key != "per_dataset":
            found |= keys_of(SCHEMA["$defs"].get(reference, part))
    return found


def test_the_documentation_names_every_key():
    text = (ROOT / "config/README.md").read_text()
    assert [key for key in sorted(keys_of(SCHEMA)) if key not in text] == []


def test_numbers_in_lists_on_the_command_line_come_as_text():
    given = {"seeds": ["0", "12"], "training": {"learning_rate": "0.01"}, "data_dir": "7"}
    given["search"] = {"objectives": {"loss": {"validation_loss": "1"}}}
    config = configuration.validated(given, SCHEMA)
    assert config["search"]["objectives"]["loss"]["validation_loss"] == 1
    assert config["seeds"] == [0, 12]
    assert config["training"]["learning_rate"] == 0.01
    assert config["data_dir"] == "7"
    with pytest.raises(ConfigError, match=r"'seeds\.0' must be of type integer, not 'x'"):
        configuration.validated({"seeds": ["x"]}, SCHEMA)


def test_an_unknown_device_is_refused_with_those_that_are_known():
    with pytest.raises(ConfigError, match=r"must be one of arduino_nano_33_ble, .* not 'uno'"):
        configuration.validated(with_key("search.device", "uno"), SCHEMA)


def test_hyperband_with_pruning_is_refused_with_the_reason():
    configuration.validated({"search": {"tuner": "hyperband"}}, SCHEMA)
    with pytest.raises(ConfigError, match="before their pruning is finished"):
        configuration.validated({"search": {"tuner_with_pruning": "hyperband"}}, SCHEMA)
    one = {"per_dataset": {"digits": {"search": {"tuner_with_pruning": "hyperband"}}}}
    with pytest.raises(ConfigError, match=r"per_dataset\.digits\.search\.tuner_with_pruning"):
        configuration.validated(one, SCHEMA)


PARETO = {"tuner": "pareto", "tuner_with_pruning": "pareto", "workers": 2}


def test_several_workers_need_a_tuner_whose_study_they_can_share():
    configuration.validated({"search": PARETO}, SCHEMA)
    for key in ("tuner", "tuner_with_pruning"):
        with pytest.raises(ConfigError, match=f"search.{key}' must be pareto if") as caught:
            configuration.validated({"search": {**PARETO, key: "greedy"}}, SCHEMA)
        assert "greedy knows only the trials of its own process" in str(caught.value)
    greedy = {"workers": 2, "tuner": "greedy"}
    with pytest.raises(ConfigError, match=r"per_dataset\.mnist\.search\.tuner'"):
        configuration.validated({"per_dataset": {"mnist": {"search": greedy}}}, SCHEMA)


def test_a_search_depends_neither_on_its_workers_nor_on_where_they_share_their_study():
    one = configuration.validated({"search": {**PARETO, "workers": 1}}, SCHEMA)
    two = configuration.validated({"search": {**PARETO, "storage": "sqlite:///a.sqlite"}}, SCHEMA)
    for stage in ("nas", "nas_with_pruning", "retrained"):
        assert configuration.for_stage(one, stage, "digits") == configuration.for_stage(
            two, stage, "digits"
        )


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////data/study.sqlite",
        "sqlite:///study.sqlite",
        "postgresql://me@host:5432/optuna",
        "postgresql+psycopg://host/optuna",
        "mysql+pymysql://me@host/optuna",
        "redis://host:6379/0",
    ],
)
def test_a_storage_without_a_password_is_accepted(url):
    configuration.validated({"search": {"storage": url}}, SCHEMA)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:xyzzy@host/optuna",
        "postgresql://me:xyz/zy@host/optuna",
        "postgresql://me:xyz@zy@host/optuna",
        "postgresql://host/optuna?password=xyzzy",
        "postgresql://host/me:xyzzy@host",
        "postgresql://me:@host/optuna",
        "mysql+pymysql://host/optuna#xyzzy",
        "redis://:xyzzy@host:6379/0",
        "oracle://me:xyzzy@host/optuna",
        "xyzzy",
        ["postgresql://me:xyzzy@host/optuna"],
        {"password": "xyzzy"},
    ],
)
def test_a_storage_with_a_password_is_refused_and_never_repeated(url):
    for given in (
        {"search": {"storage": url}},
        {"per_dataset": {"mnist": {"search": {"storage": url}}}},
    ):
        with pytest.raises(ConfigError, match=r"search\.storage") as caught:
            configuration.validated(given, SCHEMA)
        assert "xyz" not in str(caught.value)
        assert "\n" not in str(caught.value)


def _unbounded(schema, path=""):
    """Paths of numbers in the schema that may be as large as one likes."""
    if isinstance(schema, dict):
        bounds = {"maximum", "exclusiveMaximum"}
        if schema.get("type") in ("integer", "number") and not bounds & set(schema):
            yield path
        for key, part in schema.items():
            yield from _unbounded(part, f"{path}.{key}")
    elif isinstance(schema, list):
        for part in schema:
            yield from _unbounded(part, path)


def test_every_number_of_the_schema_has_a_largest_value():
    assert list(_unbounded(SCHEMA)) == []


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"seeds": [2**32]}, "seeds.0"),
        ({"training": {"batch_size": 2**63}}, "training.batch_size"),
        ({"training": {"learning_rate": 1e300}}, "training.learning_rate"),
        ({"measure": {"latency_runs": 10**18}}, "measure.latency_runs"),
        ({"training": {"learning_rate": float("nan")}}, "training.learning_rate"),
        ({"search": {"objective": {"validation_loss": float("nan")}}}, "validation_loss"),
        ({"search": {"objective": {"latency": float("inf")}}}, "latency"),
        ({"search": {"learning_rates": [0.001, float("nan")]}}, "search.learning_rates"),
    ],
)
def test_a_number_beyond_all_use_is_refused_in_one_sentence(given, key):
    with pytest.raises(ConfigError) as caught:
        configuration.validated({**config(), **given}, SCHEMA)
    assert key in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_exponent_without_a_point_is_a_number():
    # YAML 1.1, which PyYAML reads, takes 1e-3 for a text.
    given = yaml.safe_load("{training: {learning_rate: 1e-3}}")
    checked = configuration.validated({**config(), **given}, SCHEMA)
    assert checked["training"]["learning_rate"] == 0.001
