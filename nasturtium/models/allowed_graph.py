"""Checks the connections of the layers in a model file, and their statistics."""

from collections.abc import Mapping

import numpy as np

from nasturtium.models.archive import NotAllowed

# A frame has one number per column.
MOST_STATISTICS = 10**5


def calls_of(layer: Mapping) -> list[list[tuple[str, int]]]:
    """For each call of a layer, the calls that make its inputs: a layer's name and a number."""
    nodes = layer.get("inbound_nodes") or []
    if not isinstance(nodes, list):
        raise NotAllowed("has a layer without a list of its calls")
    calls = []
    for node in nodes:
        # A single input has no list around it.
        single = isinstance(node, list) and node and isinstance(node[0], str)
        inputs = [node] if single else node
        if not isinstance(inputs, list):
            raise NotAllowed("has a call of a layer without a list of inputs")
        for tensor in inputs:
            is_input = isinstance(tensor, list) and len(tensor) in (3, 4)
            if not is_input or not isinstance(tensor[0], str) or not isinstance(tensor[1], int):
                raise NotAllowed("has a call of a layer with inputs that are no outputs of layers")
            if len(tensor) == 4 and tensor[3]:
                raise NotAllowed("has a call of a layer with arguments besides its inputs")
        calls.append([(tensor[0], tensor[1]) for tensor in inputs])
    return calls


def check_order(layers: list[Mapping]) -> None:
    """Refuse cycles of layers and missing inputs, for which Keras would wait forever.

    As in Keras, a layer's calls are made in their order, each as soon as its inputs exist.
    """
    waiting = {}
    for layer in layers:
        name = layer.get("name", layer["config"].get("name"))
        if not isinstance(name, str) or name in waiting:
            raise NotAllowed("has two layers with the same name, or a layer without a name")
        waiting[name] = calls_of(layer)
    done = {name: 0 if calls else 1 for name, calls in waiting.items()}
    readers: dict[str, list[str]] = {}
    for name, calls in waiting.items():
        for before, _ in {tensor for call in calls for tensor in call}:
            readers.setdefault(before, []).append(name)
    ready = list(waiting)
    while ready:
        name = ready.pop()
        made = done[name]
        while done[name] < len(waiting[name]) and all(
            0 <= number < done.get(before, 0) for before, number in waiting[name][done[name]]
        ):
            done[name] += 1
        if done[name] > made:
            ready.extend(readers.get(name, ()))
    for name, calls in waiting.items():
        if done[name] < len(calls):
            raise NotAllowed(f"has a layer '{name[:40]}' whose input is missing, or is itself")


def given_statistics(layer: Mapping) -> dict[str, object]:
    """Mean and variance in a checked layer's configuration, if any."""
    if layer.get("class_name") != "Normalization":
        return {}
    found = {name: layer["config"].get(name) for name in ("mean", "variance")}
    return {name: value for name, value in found.items() if value is not None}


def check_statistics(statistics: Mapping[str, object], values: int) -> None:
    """Refuse statistics of a frame that have neither one number nor ``values`` numbers.

    Raises
    ------
    NotAllowed
        There is a different number, or more than a table can have.
    """
    if values > MOST_STATISTICS:
        raise NotAllowed(f"standardises more than {MOST_STATISTICS:,} values")
    for name, value in statistics.items():
        count = np.size(value)
        if np.ndim(value) > 1 or count not in (1, values):
            raise NotAllowed(f"standardises {values:,} values with a {name} of {count:,}")
