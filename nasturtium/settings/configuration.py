"""The configuration: checked against its schema, and resolved for one data set and stage."""

import contextlib
import copy
import math
import re
from collections.abc import Mapping
from typing import Any

import yaml

from nasturtium.data.own import described
from nasturtium.errors import ConfigError
from nasturtium.plain_text import fault
from nasturtium.pruning.methods import METHODS, control_runs
from nasturtium.records.runs import BASELINE_LONGER, NAS_WITH_PRUNING
from nasturtium.settings import early_checks, magnitude, storage_url
from nasturtium.settings.devices import DEVICES, with_device
from nasturtium.settings.messages import sentence
from nasturtium.settings.rungs import affordable_nets, rung_epochs, with_children
from nasturtium.settings.schema import fill_defaults, load_defaults, resolved, stages_of_keys

# A number or boolean in YAML's notation.
_SCALAR = re.compile(r"[-+.\deE]+|true|false|True|False")

_MOST_VALUES = 100_000


def validated(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """``config`` with the defaults of ``config/config.yaml`` filled in.

    Raises
    ------
    ConfigError
        One sentence that names the first offending key and the remedy.
    """
    import jsonschema

    _check_plain(config)
    config = _typed(copy.deepcopy(dict(config)), schema, schema.get("$defs", {}))
    errors = jsonschema.Draft202012Validator(_with_names(schema, config)).iter_errors(config)
    error = jsonschema.exceptions.best_match(errors)
    if error is not None:
        raise ConfigError(sentence(error))
    _check_finite(config)
    fill_defaults(config, schema, schema.get("$defs", {}), load_defaults())
    for name, own in config["own_datasets"].items():
        described.check(name, own)
    for dataset in ("", *config["per_dataset"]):
        _check_ratios(config, dataset)
        _check_tuner(config, dataset)
        _check_device(config, dataset)
        _check_workers(config, dataset)
        early_checks.check_pruning_shares(for_dataset(config, dataset)["pruning"], dataset)
        magnitude.check(for_dataset(config, dataset)["pruning"]["magnitude"], dataset)
        prefix = f"per_dataset.{dataset}." if dataset else ""
        described.check_reference_name(
            for_dataset(config, dataset)["training"]["reference"],
            f"Configuration key '{prefix}training.reference'",
        )
    return config


def check_own_files(config: Mapping[str, Any]) -> None:
    """Check that the files of the user's own data sets in the study exist.

    Raises
    ------
    ConfigError
        A file is missing.
    """
    for name in config["datasets"]:
        if name in config["own_datasets"]:
            described.check_files(name, config["own_datasets"][name])


def for_dataset(config: Mapping[str, Any], dataset: str) -> dict[str, Any]:
    """The configuration for one data set: ``per_dataset.<dataset>`` overrides common sections.

    ``own_datasets.<dataset>.split`` overrides the common section too.
    """
    common = {key: value for key, value in config.items() if key != "per_dataset"}
    own = config.get("own_datasets", {}).get(dataset, {})
    common = _merged(common, {key: own[key] for key in ("split",) if key in own})
    resolved = _merged(common, config.get("per_dataset", {}).get(dataset, {}))
    _resolve_search(resolved)
    return resolved


def _resolve_search(resolved: dict[str, Any]) -> None:
    """Fill in a search's epochs from the baseline, and its number of trials from a budget."""
    search = resolved.get("search", {})
    if search.get("epochs") is None and "training" in resolved:
        search["epochs"] = resolved["training"]["epochs"]
    budget = search.get("budget")
    if budget is not None:
        epochs = rung_epochs(search["epochs"], search["rungs"])
        search["trials"] = affordable_nets(budget, epochs)


def own_description(config: Mapping[str, Any], dataset: str) -> dict[str, Any] | None:
    """What reading ``dataset`` depends on if it is the user's own; otherwise None."""
    own = config["own_datasets"].get(dataset)
    if own is None:
        return None
    # Shares matter only for the splits; columns of groups and times are read with the others.
    columns = {key: own["split"][key] for key in ("group", "time") if key in own.get("split", {})}
    return {
        **{key: own[key] for key in own if key != "split"},
        **({"split": columns} if columns else {}),
    }


def for_stage(config: Mapping[str, Any], stage: str, dataset: str) -> dict[str, Any]:
    """Exactly the settings that ``stage`` depends on, resolved for ``dataset``."""
    given = for_dataset(config, dataset)
    given["search"] = with_device(given["search"])
    found = {
        section: {key: given[section][key] for key, stages in keys.items() if stage in stages}
        for section, keys in stages_of_keys().items()
    }
    return {section: keys for section, keys in found.items() if keys}


def for_search(
    config: Mapping[str, Any], stage: str, dataset: str, objective: str
) -> dict[str, Any]:
    """Settings of the search ``stage`` with the named ``objective``; ``""`` is the default one.

    Raises
    ------
    ConfigError
        ``search.objectives`` has no such name.
    """
    found = for_stage(config, stage, dataset)
    if objective:
        named = for_dataset(config, dataset)["search"]["objectives"]
        if objective not in named:
            raise ConfigError(
                f"Configuration key 'search.objectives.{objective}' is missing for data set "
                f"'{dataset}'; known names: {', '.join(named) or 'none'}. See config/README.md."
            )
        found["search"]["objective"] = named[objective]
    if stage == NAS_WITH_PRUNING and METHODS[found["pruning"]["search_method"]].removes_channels:
        found["search"].update(with_children(found["search"]))
    return found


def _check_device(config: Mapping[str, Any], dataset: str) -> None:
    device = for_dataset(config, dataset)["search"]["device"]
    if isinstance(device, str) and device not in DEVICES:
        prefix = f"per_dataset.{dataset}." if dataset else ""
        raise ConfigError(
            f"Configuration key '{prefix}search.device' must be one of {', '.join(DEVICES)}, or "
            f"flash_bytes and ram_bytes, not {device!r}. See config/README.md."
        )


def _check_tuner(config: Mapping[str, Any], dataset: str) -> None:
    prefix = f"per_dataset.{dataset}." if dataset else ""
    if for_dataset(config, dataset)["search"]["tuner_with_pruning"] == "hyperband":
        raise ConfigError(
            f"Configuration key '{prefix}search.tuner_with_pruning' can't be hyperband, since it "
            "ends most trials before their pruning is finished; choose greedy, random, bayesian or "
            "pareto. See config/README.md."
        )


def _check_workers(config: Mapping[str, Any], dataset: str) -> None:
    """Several workers need a tuner that can share its knowledge, and a storage for it."""
    search = for_dataset(config, dataset)["search"]
    prefix = f"per_dataset.{dataset}." if dataset else ""
    for key in ("tuner", "tuner_with_pruning"):
        if search["workers"] > 1 and search[key] != "pareto":
            raise ConfigError(
                f"Configuration key '{prefix}search.{key}' must be pareto if search.workers is "
                f"{search['workers']}, since {search[key]} knows only the trials of its own "
                "process; change one of the two. See config/README.md."
            )
    if search["storage"] is not None:
        storage_url.check(search["storage"], f"{prefix}search.storage")


def _check_ratios(config: Mapping[str, Any], dataset: str) -> None:
    """Ratios are part of file names, with two decimals; JSON Schema can't check that for floats."""
    resolved = for_dataset(config, dataset)
    prefix = f"per_dataset.{dataset}." if dataset else ""
    for section, key in (("pruning", "ratios"), ("search", "pruning_ratios")):
        for ratio in resolved[section][key]:
            if round(ratio, 2) != ratio:
                raise ConfigError(
                    f"Configuration key '{prefix}{section}.{key}' must list ratios in steps of "
                    f"0.01, not {ratio!r}. See config/README.md."
                )


def _check_plain(config: Mapping[str, Any]) -> None:
    """Strings end up in file names, figures, logs and the report, where a script contains them."""
    waiting: list[tuple[str, Any]] = [("", config)]
    # Limited by the number of values: YAML aliases can multiply a few lines without limit.
    for _ in range(_MOST_VALUES):
        if not waiting:
            return
        key, value = waiting.pop()
        if isinstance(value, Mapping):
            for name, part in value.items():
                full = f"{key}.{ascii(str(name))[1:-1]}".lstrip(".")
                waiting += [(full, name), (full, part)]
        elif isinstance(value, list):
            waiting += [(key, part) for part in value]
        elif isinstance(value, str) and (found := fault(value)):
            if key.endswith(".separator") and value == "\t":
                continue
            raise ConfigError(
                f"Configuration key '{key}' must not contain {found}; write plain text. See "
                "config/README.md."
            )
    raise ConfigError(
        f"The configuration has more than {_MOST_VALUES:,} values, most likely through aliases (*) "
        "of YAML that repeat each other; write out the values."
    )


def _check_finite(value: Any, key: str = "") -> None:
    """A schema's limits do not refuse NaN, since no comparison with it is true."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            _check_finite(part, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for part in value:
            _check_finite(part, key)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(
            f"Configuration key '{key}' must be a finite number, not {value!r}. See "
            "config/README.md."
        )


def _with_names(schema: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with names from elsewhere: pruning methods and the user's data sets."""
    schema, own = copy.deepcopy(dict(schema)), config.get("own_datasets")
    properties, definitions = schema.get("properties", {}), schema.get("$defs", {})
    names = {"pruning_method": list(METHODS), "control": [BASELINE_LONGER, *control_runs()]}
    for definition, known in names.items():
        if definition in definitions:
            definitions[definition]["enum"] = known
    if isinstance(own, Mapping) and "datasets" in properties:
        properties["datasets"]["items"]["enum"] += [name for name in own if isinstance(name, str)]
        for name in own:
            properties["per_dataset"]["properties"][name] = {"$ref": "#/$defs/overrides"}
    return schema


def _typed(value: Any, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    """``value`` with strings converted to numbers where the schema requires numbers.

    Snakemake passes values in a list or section of the command line (``--config 'seeds=[0,1]'``) as
    strings.
    """
    schema = resolved(schema, definitions)
    if isinstance(value, dict):
        parts, others = schema.get("properties", {}), schema.get("additionalProperties")
        others = others if isinstance(others, Mapping) else {}
        return {
            key: _typed(part, parts.get(key, others), definitions) for key, part in value.items()
        }
    if isinstance(value, list):
        return [_typed(part, schema.get("items", {}), definitions) for part in value]
    if isinstance(value, str):
        read = _read_scalar(value) if _SCALAR.fullmatch(value) else value
        kinds = {"integer": (int,), "number": (int, float), "boolean": (bool,)}
        types = schema.get("type", [])
        types = [types] if isinstance(types, str) else types
        if isinstance(read, tuple(kind for name in types for kind in kinds.get(name, ()))):
            return read
    return value


def _read_scalar(text: str) -> Any:
    """The value of ``text`` in YAML 1.2; in PyYAML's YAML 1.1, ``1e-3`` is not a number."""
    read = yaml.safe_load(text)
    if isinstance(read, str):
        with contextlib.suppress(ValueError):
            return float(read)
    return read


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(dict(base))
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both else copy.deepcopy(value)
    return merged
