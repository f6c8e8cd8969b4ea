"""AutoKeras blocks of the search spaces: the part of a net inside the frame."""

from collections.abc import Mapping

import tensorflow as tf
import tf_keras as keras

from nasturtium.models.body import PLAIN, REFERENCE, RESIDUAL, Body, sizes
from nasturtium.models.encoding import encoded
from nasturtium.models.reference_nets import Reference
from nasturtium.models.residual import residual_features


class ConvBody(Body):
    """Images, and sequences along their steps.

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
            sizes("kernel_size", settings["kernel_sizes"]),
            sizes("blocks", settings["conv_blocks"]),
            sizes("layers", [1, 2]),
            *(
                sizes(f"filters_{block}_{layer}", settings["filters"])
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
                sizes("stages", settings["stages"]),
                *(sizes(f"width_{stage}", settings["filters"]) for stage in range(stages)),
                *(sizes(f"depth_{stage}", settings["stage_blocks"]) for stage in range(stages)),
                sizes("halvings", range(stages + 1), default=stages - 1),
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
        return [sizes("bins", bins, default=min(bins)), *super().choices()]

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
            sizes("embedding", settings["embeddings"]),
            sizes("filters", settings["filters"]),
            sizes("kernel_size", settings["kernel_sizes"]),
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
