"""Random small nets over sequences, which random_nets does not have."""

import numpy as np
import tf_keras as keras
from random_nets import ACTIVATIONS, Net

layers = keras.layers


class Series(Net):
    """Plain, separable and residual nets over 12 steps of 3 channels."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.kind = self.choose(["plain", "separable", "residual"])

    def build(self) -> keras.Model:
        """Return the net with random weights, parts of them zero."""
        inputs = keras.Input((12, 3))
        model = keras.Model(inputs, getattr(self, f"_{self.kind}")(inputs))
        self._fill(model)
        return model

    def conv(self, x, filters=None, padding=None, activation=None):
        options = {
            "padding": padding or self.choose(["same", "valid", "causal"]),
            "use_bias": self.chance(0.7),
            "activation": activation or self.choose(ACTIVATIONS),
        }
        x = layers.Conv1D(filters or self.size(), self.choose([1, 3, 3]), **options)(x)
        return self.maybe_norm(x)

    def pool(self, x):
        kind = self.choose([layers.MaxPooling1D, layers.AveragePooling1D])
        return kind(2, padding=self.padding(), strides=self.choose([1, 2]))(x)

    def head(self, x, units: int = 2):
        ends = [layers.Flatten, layers.GlobalAveragePooling1D, layers.GlobalMaxPooling1D]
        x = self.choose(ends)()(x)
        if self.chance(0.5):
            x = self.dense(x)
        return layers.Dense(units, activation=self.choose(["linear", "softmax"]))(x)

    def _plain(self, x):
        x = self.conv(x)
        if self.chance(0.3):
            x = layers.ZeroPadding1D(1)(x)
        if self.chance(0.3):
            x = layers.SpatialDropout1D(0.2)(x)
        return self.head(self.conv(self.pool(x)))

    def _separable(self, x):
        x = self.conv(x)
        for kind, width in ((layers.DepthwiseConv1D, ()), (layers.SeparableConv1D, (self.size(),))):
            x = kind(
                *width,
                3,
                depth_multiplier=self.size(1, 2),
                padding=self.padding(),
                use_bias=self.chance(0.5),
                activation=self.choose(ACTIVATIONS),
            )(x)
            x = self.maybe_norm(x)
        return self.head(x)

    def _residual(self, x):
        width = self.size(3, 5)
        x = self.conv(x, width)
        y = self.conv(self.conv(x, padding="same"), width, padding="causal")
        x = layers.Activation(self.choose(ACTIVATIONS))(layers.Add()([x, y]))
        return self.head(self.conv(x))
