"""AutoKeras blocks of the search spaces: what lies inside a net's frame.

Each block declares all its hyperparameters on every build, since AutoKeras's greedy oracle never
moves one that it meets only inside a trial. Which of them count for a net says :meth:`describe`,
a plain function of their values; so equal nets are known without being built.
"""

from collections.abc import Mapping, Sequence

import autokeras as ak
import keras_tuner
import tensorflow as tf
import tf_keras as keras

from nasturtium.models.encoding import encoded
from nasturtium.models.reference_nets import Reference, output_layer
from nasturtium.models.residual import residual_features

PLAIN, RESIDUAL, REFERENCE = "plain", "residual", "reference"


class Body(ak.Block):
    """A block whose net follows from a description.

    Parameters
    ----------
    settings
        Section ``search``, the choices of each hyperparameter.
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
        """What of the hyperparameters ``values``, named without the block, makes the net."""
        if values["family"] == REFERENCE:
            return {"family": REFERENCE, "scale": values["scale"]}
        found = self._described(values)
        layers = values["dense_layers"]
        found["units"] = [values[f"units_{number}"] for number in range(layers)]
        return {**found, "dropout": values["dropout"] if layers else 0.0}

    def build(self, hp: keras_tuner.HyperParameters, inputs=None) -> tf.Tensor:
        """Class probabilities, or a standardised target, by the hyperparameters ``hp``."""
        values = _Declared(hp, self._kinds())
        for name in self._kinds():
            values[name]
        [tensor] = tf.nest.flatten(inputs)
        return output_layer(self._classes)(self._features(tensor, self.describe(values)))

    def suggest(self, hp: keras_tuner.HyperParameters) -> dict:
        """Description of the net by hyperparameters that ``hp`` chooses when they are asked for.

        Only those that count for the net are asked for, and no net is built.
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
        """Name, choices and default of each hyperparameter but the family."""
        settings = self._settings
        layers = sorted({*settings["dense_layers"], *self._fewest_dense})
        found = [
            _sizes("dense_layers", layers, default=max(settings["dense_layers"])),
            *(_sizes(f"units_{number}", settings["units"]) for number in range(max(layers))),
            ("dropout", [0.0, 0.25], 0.0),
        ]
        if REFERENCE in self._families:
            scales = [float(scale) for scale in settings.get("reference_scales", [1.0])]
            found.append(("scale", sorted(scales), max(scales)))
        return found

    def starts(self) -> list[dict]:
        """Hyperparameters, some of them, of members that a search does well to begin with."""
        if REFERENCE not in self._families:
            return []
        scales = dict((name, values) for name, values, _ in self.choices())["scale"]
        return [{"family": REFERENCE, "scale": scale} for scale in reversed(scales)][:2]

    _fewest_dense: tuple[int, ...] = ()

    def _described(self, values: Mapping) -> dict:
        raise NotImplementedError

    def _body(self, tensor: tf.Tensor, described: Mapping) -> tf.Tensor:
        raise NotImplementedError


class ConvBody(Body):
    """Images, and sequences over their steps.

    Convolutions in a row, residual stages, or the reference net at another size.

    Residual stages are those of :mod:`nasturtium.models.residual`: their widths and depths, how
    many of them halve the image, and whether their convolutions are separable.
    """

    families = (PLAIN, RESIDUAL, REFERENCE)
    _fewest_dense = (0,)

    def choices(self) -> list[tuple[str, list, object]]:
        """As of :class:`Body`; the largest size is the default."""
        settings = self._settings
        found = [
            _sizes("kernel_size", settings["kernel_sizes"]),
            _sizes("blocks", settings["conv_blocks"]),
            _sizes("layers", [1, 2]),
            *(
                _sizes(f"filters_{block}_{layer}", settings["filters"])
                for block in range(max(settings["conv_blocks"]))
                for layer in range(2)
            ),
            ("separable", [False, True], False),
            ("pooled", [False, True], True),
            ("reduction", ["flatten", "mean"], "flatten"),
        ]
        if RESIDUAL in self._families:
            stages = max(settings["stages"])
            found += [
                _sizes("stages", settings["stages"]),
                *(_sizes(f"width_{stage}", settings["filters"]) for stage in range(stages)),
                *(_sizes(f"depth_{stage}", settings["stage_blocks"]) for stage in range(stages)),
                _sizes("halvings", range(stages + 1), default=stages - 1),
            ]
        return [*found, *super().choices()]

    def starts(self) -> list[dict]:
        """The reference net; residual nets of rising width, one and two blocks a stage."""
        found = super().starts()
        if RESIDUAL in self._families:
            sizes, stages = sorted(self._settings["filters"]), max(self._settings["stages"])
            for depth in sorted(self._settings["stage_blocks"])[:2]:
                net = {"family": RESIDUAL, "stages": stages, "halvings": stages - 1}
                net |= {"dense_layers": 0, "separable": False}
                for stage in range(stages):
                    place = max(0, len(sizes) - stages + stage) if depth == 1 else None
                    middle = min(len(sizes) - 1, (len(sizes) - 1) // 2 + stage)
                    net[f"width_{stage}"] = sizes[middle if place is None else place]
                    net[f"depth_{stage}"] = depth
                found.append(net)
        return found

    def _described(self, values: Mapping) -> dict:
        if values["family"] == RESIDUAL:
            stages = range(values["stages"])
            return {
                "family": RESIDUAL,
                "widths": [values[f"width_{stage}"] for stage in stages],
                "depths": [values[f"depth_{stage}"] for stage in stages],
                "halvings": min(values["halvings"], len(stages)),
                "separable": values["separable"],
            }
        return {
            "family": PLAIN,
            "filters": [
                [values[f"filters_{block}_{layer}"] for layer in range(values["layers"])]
                for block in range(values["blocks"])
            ],
            **{name: values[name] for name in ("kernel_size", "separable", "pooled", "reduction")},
        }

    def _body(self, tensor: tf.Tensor, described: Mapping) -> tf.Tensor:
        if described["family"] == RESIDUAL:
            return residual_features(
                tensor,
                stem=described["widths"][0],
                filters=described["widths"],
                blocks=described["depths"],
                halvings=described["halvings"],
                separable=described["separable"],
            )
        rank, layers = f"{len(tensor.shape) - 2}D", keras.layers
        kind = "SeparableConv" if described["separable"] else "Conv"
        convolution, pool, mean = (
            getattr(layers, name + rank) for name in (kind, "MaxPooling", "GlobalAveragePooling")
        )
        for block, widths in enumerate(described["filters"]):
            for layer, width in enumerate(widths):
                tensor = convolution(
                    width,
                    described["kernel_size"],
                    padding="same",
                    activation="relu",
                    name=f"conv_{block}_{layer}",
                )(tensor)
            # An image that is one position wide has nothing to pool.
            if described["pooled"] and min(tensor.shape[1:-1]) > 1:
                tensor = pool(2, name=f"pool_{block}")(tensor)
        if described["reduction"] == "mean":
            return mean(name="mean")(tensor)
        return keras.layers.Flatten(name="flatten")(tensor)


class TableBody(Body):
    """Tables: dense layers, of the columns or of their piecewise-linear encoding."""

    families = (PLAIN, REFERENCE)

    def choices(self) -> list[tuple[str, list, object]]:
        """As of :class:`Body`; the largest size is the default, and no encoding."""
        bins = self._settings.get("bins", [0])
        return [_sizes("bins", bins, default=min(bins)), *super().choices()]

    def starts(self) -> list[dict]:
        """The reference net, and a middling one whose columns are encoded."""
        bins = sorted(self._settings.get("bins", [0]))
        encoded_net = {"family": PLAIN, "bins": bins[len(bins) // 2], "dropout": 0.0}
        return [*([encoded_net] if encoded_net["bins"] else []), *super().starts()]

    def _described(self, values: Mapping) -> dict:
        return {"family": PLAIN, "bins": values["bins"]}

    def _body(self, tensor: tf.Tensor, described: Mapping) -> tf.Tensor:
        if len(tensor.shape) > 2:
            return keras.layers.Flatten(name="flatten")(tensor)
        return encoded(tensor, described["bins"]) if described["bins"] else tensor


class TextBody(Body):
    """Texts: embedding, a convolution, its maximum over the text (Kim 2014, arXiv 1408.5882)."""

    families = (PLAIN, REFERENCE)
    _fewest_dense = (0,)

    def __init__(
        self,
        settings: Mapping,
        classes: int | None,
        reference: Reference | None,
        vocabulary: int,
        **kwargs,
    ):
        super().__init__(settings, classes, reference, **kwargs)
        self._vocabulary = vocabulary

    def choices(self) -> list[tuple[str, list, object]]:
        """As of :class:`Body`; the largest size is the default."""
        settings = self._settings
        return [
            _sizes("embedding", settings["embeddings"]),
            _sizes("filters", settings["filters"]),
            _sizes("kernel_size", settings["kernel_sizes"]),
            *super().choices(),
        ]

    def _described(self, values: Mapping) -> dict:
        names = ("embedding", "filters", "kernel_size")
        return {"family": PLAIN, **{name: values[name] for name in names}}

    def _body(self, tensor: tf.Tensor, described: Mapping) -> tf.Tensor:
        width = described["embedding"]
        tensor = keras.layers.Embedding(self._vocabulary, width, name="embedding")(tensor)
        tensor = keras.layers.Conv1D(
            described["filters"], described["kernel_size"], activation="relu", name="conv"
        )(tensor)
        return keras.layers.GlobalMaxPooling1D(name="maximum")(tensor)


class _Declared(dict):
    """Values of hyperparameters, each of which is declared when it is first asked for."""

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


def _sizes(
    name: str, values: Sequence[int], default: int | None = None
) -> tuple[str, list[int], int]:
    # The largest is the default: a search that is asked for its largest net builds it.
    values = sorted(values)
    return name, values, max(values) if default is None else default
