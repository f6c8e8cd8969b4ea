"""The common base of all blocks: their hyperparameters, and a net from a description.

A block declares all its hyperparameters on every build, since AutoKeras's greedy oracle never
changes one that is declared only inside a trial. :meth:`Body.describe`, a plain function of their
values, says which of them count for a net, so equal nets are found without building them.
"""

from collections.abc import Mapping, Sequence

import autokeras as ak
import keras_tuner
import tensorflow as tf
import tf_keras as keras

from nasturtium.models.reference_layers import output_layer
from nasturtium.models.reference_nets import Reference

PLAIN, RESIDUAL, REFERENCE = "plain", "residual", "reference"


class Body(ak.Block):
    """A block whose net follows from a description.

    Parameters
    ----------
    settings
        Section ``search`` with the choices of each hyperparameter.
    classes
        Units of the output layer with a softmax; None for one linear unit.
    reference
        The reference net without its output layer, by scale; None leaves its family out.
    """

    families: tuple[str, ...] = ()

    def __init__(
        self, settings: Mapping, classes: int | None, reference: Reference | None, **kwargs
    ):
        super().__init__(**kwargs)
        self._settings, self._classes, self._reference = settings, classes, reference
        asked = settings.get("families", self.families)
        found = [name for name in self.families if name in asked]
        self._families = [name for name in found if name != REFERENCE or reference] or [PLAIN]

    def describe(self, values: Mapping) -> dict:
        """Description of the net from the hyperparameters ``values``, named without the block."""
        if values["family"] == REFERENCE:
            return {"family": REFERENCE, "scale": values["scale"]}
        found = self._described(values)
        layers = values["dense_layers"]
        found["units"] = [values[f"units_{number}"] for number in range(layers)]
        return {**found, "dropout": values["dropout"] if layers else 0.0}

    def build(self, hp: keras_tuner.HyperParameters, inputs=None) -> tf.Tensor:
        """Class probabilities, or a standardised target, of the net with hyperparameters ``hp``."""
        values = _Declared(hp, self._kinds())
        for name in self._kinds():
            values[name]
        [tensor] = tf.nest.flatten(inputs)
        return output_layer(self._classes)(self._features(tensor, self.describe(values)))

    def suggest(self, hp: keras_tuner.HyperParameters) -> dict:
        """Description of the net with hyperparameters that ``hp`` chooses on request.

        Only those that count for the net are requested, and no net is built.
        """
        with hp.name_scope(self.name):
            return self.describe(_Declared(hp, self._kinds()))

    def _kinds(self) -> dict[str, tuple[list, object]]:
        """Choices and default of each hyperparameter, by name."""
        family = ("family", self._families, self._families[0])
        return {
            name: (list(choices), default) for name, choices, default in [family, *self.choices()]
        }

    def _features(self, tensor: tf.Tensor, described: Mapping) -> tf.Tensor:
        if described["family"] == REFERENCE:
            return self._reference(described["scale"])(tensor)
        tensor = self._body(tensor, described)
        for number, units in enumerate(described["units"]):
            tensor = keras.layers.Dense(units, activation="relu", name=f"dense_{number}")(tensor)
            if described["dropout"]:
                tensor = keras.layers.Dropout(described["dropout"], name=f"drop_{number}")(tensor)
        return tensor

    def choices(self) -> list[tuple[str, list, object]]:
        """Name, choices and default of each hyperparameter except the family."""
        settings = self._settings
        layers = sorted({*settings["dense_layers"], *self._fewest_dense})
        found = [
            sizes("dense_layers", layers, default=max(settings["dense_layers"])),
            *(sizes(f"units_{number}", settings["units"]) for number in range(max(layers))),
            ("dropout", [0.0, 0.25], 0.0),
        ]
        if REFERENCE in self._families:
            scales = [float(scale) for scale in settings.get("reference_scales", [1.0])]
            found.append(("scale", sorted(scales), max(scales)))
        return found

    def starts(self) -> list[dict]:
        """Some of the hyperparameters of good members for the start of a search."""
        if REFERENCE not in self._families:
            return []
        scales = dict((name, values) for name, values, _ in self.choices())["scale"]
        return [{"family": REFERENCE, "scale": scale} for scale in reversed(scales)][:2]

    _fewest_dense: tuple[int, ...] = ()

    def _described(self, values: Mapping) -> dict:
        raise NotImplementedError

    def _body(self, tensor: tf.Tensor, described: Mapping) -> tf.Tensor:
        raise NotImplementedError


class _Declared(dict):
    """Values of hyperparameters. Each one is declared on its first use."""

    def __init__(self, hp: keras_tuner.HyperParameters, kinds: Mapping[str, tuple[list, object]]):
        super().__init__()
        self._hp, self._kinds = hp, kinds

    def __missing__(self, name: str) -> object:
        choices, default = self._kinds[name]
        if choices == [False, True]:
            self[name] = self._hp.Boolean(name, default=default)
        else:
            self[name] = self._hp.Choice(name, choices, default=default)
        return self[name]


def sizes(
    name: str, values: Sequence[int], default: int | None = None
) -> tuple[str, list[int], int]:
    """Name, choices and default of a size."""
    # The largest is the default, so that the default net is the largest one.
    values = sorted(values)
    return name, values, max(values) if default is None else default
