"""Random small nets with dead, constant and zero-scaled channels, from a seed."""

import numpy as np
import tf_keras as keras

layers = keras.layers

# Activations that are zero at zero and ones that are not: constants of both kinds.
ACTIVATIONS = ("relu", "relu", "tanh", "linear", "sigmoid", "softplus")


class Net:
    """Builds one net; every random choice comes from ``random``."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.kind = self.choose(
            [
                *("mlp", "cnn", "residual", "concat", "separable", "gate", "outputs", "flat_sum"),
                *("grouped", "transposed", "branches"),
            ]
        )

    def choose(self, options):
        return options[self.random.integers(len(options))]

    def chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def size(self, low: int = 2, high: int = 6) -> int:
        return int(self.random.integers(low, high + 1))

    def padding(self) -> str:
        return self.choose(["same", "valid"])

    def conv(self, x, filters=None, padding=None, activation=None):
        """A 3x3 or 1x1 convolution, sometimes with BatchNormalization or without bias."""
        x = layers.Conv2D(
            filters or self.size(),
            self.choose([1, 3, 3]),
            padding=padding or self.padding(),
            use_bias=self.chance(0.7),
            activation=activation or self.choose(ACTIVATIONS),
        )(x)
        return self.maybe_norm(x)

    def dense(self, x, units=None, activation=None):
        x = layers.Dense(
            units or self.size(),
            activation=activation or self.choose(ACTIVATIONS),
            use_bias=self.chance(0.7),
        )(x)
        return self.maybe_norm(x)

    def maybe_norm(self, x):
        if self.chance(0.5):
            x = layers.BatchNormalization(scale=self.chance(0.8), center=self.chance(0.8))(x)
        if self.chance(0.3):
            kinds = [layers.ReLU, layers.LeakyReLU, lambda: layers.Dropout(0.2), self.prelu(x)]
            x = self.choose(kinds)()(x)
        return x

    def prelu(self, x):
        """Slopes for each value, or for each channel where there are positions."""
        shared = list(range(1, len(x.shape) - 1)) if self.chance(0.6) else None
        return lambda: layers.PReLU(shared_axes=shared or None)

    def pool(self, x):
        kind = self.choose([layers.MaxPooling2D, layers.AveragePooling2D])
        return kind(2, padding=self.padding(), strides=self.choose([1, 2]))(x)

    def head(self, x, units: int = 2):
        """From a feature map or vector to an output."""
        if len(x.shape) == 4:
            x = self.choose(
                [layers.Flatten, layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D]
            )()(x)
        if self.chance(0.5):
            x = self.dense(x)
        return layers.Dense(units, activation=self.choose(["linear", "softmax"]))(x)

    def build(self) -> keras.Model:
        """Return the net with random weights, parts of them zero."""
        if self.kind == "mlp":
            model = self._mlp()
        else:
            inputs = keras.Input((8, 8, 2))
            model = keras.Model(inputs, getattr(self, f"_{self.kind}")(inputs))
        self._fill(model)
        return model

    def _mlp(self) -> keras.Model:
        depth = self.size(1, 3)
        if self.chance(0.5):
            model = keras.Sequential([keras.Input((5,))])
            for _ in range(depth):
                model.add(layers.Dense(self.size(), activation=self.choose(ACTIVATIONS)))
                if self.chance(0.4):
                    model.add(layers.BatchNormalization())
            model.add(layers.Dense(2))
            return model
        inputs = x = keras.Input((5,))
        for _ in range(depth):
            x = self.dense(x)
        return keras.Model(inputs, self.head(x))

    def _cnn(self, x):
        x = self.conv(x)
        if self.chance(0.5):
            x = layers.ZeroPadding2D(1)(x)
        return self.head(self.conv(self.pool(x)))

    def _residual(self, x):
        width = self.size(3, 5)
        x = self.conv(x, width)
        y = self.conv(self.conv(x, padding="same"), width, padding="same")
        x = layers.Add()([x, y])
        if self.chance(0.5):
            x = layers.Activation(self.choose(ACTIVATIONS))(x)
        if self.chance(0.5):
            x = layers.Add()([x, self.conv(x, width, padding="same")])
        return self.head(self.conv(x))

    def _concat(self, x):
        x = self.conv(x)
        parts = [self.conv(x, padding="same"), self.conv(x, padding="same"), x]
        x = layers.Concatenate()(parts[: self.size(2, 3)])
        if self.chance(0.5):
            x = layers.Add()([x, self.conv(x, x.shape[-1], padding="same")])
        return self.head(self.pool(self.conv(x)))

    def _separable(self, x):
        x = self.conv(x)
        x = layers.DepthwiseConv2D(
            3,
            depth_multiplier=self.size(1, 2),
            padding=self.padding(),
            use_bias=self.chance(0.5),
            activation=self.choose(ACTIVATIONS),
        )(x)
        x = self.maybe_norm(x)
        x = layers.SeparableConv2D(
            self.size(),
            3,
            depth_multiplier=self.size(1, 2),
            padding=self.padding(),
            use_bias=self.chance(0.5),
            activation=self.choose(ACTIVATIONS),
        )(x)
        return self.head(self.maybe_norm(x))

    def _grouped(self, x):
        groups = self.size(2, 3)
        x = self.conv(x, groups * self.size(1, 3))
        x = layers.Conv2D(
            groups * self.size(1, 3),
            self.choose([1, 3]),
            groups=groups,
            padding=self.padding(),
            use_bias=self.chance(0.5),
            activation=self.choose(ACTIVATIONS),
        )(x)
        return self.head(self.conv(self.maybe_norm(x)))

    def _transposed(self, x):
        x = layers.Conv2DTranspose(
            self.size(),
            self.size(1, 3),
            strides=self.size(1, 2),
            padding=self.padding(),
            use_bias=self.chance(0.5),
            activation=self.choose(ACTIVATIONS),
        )(self.conv(x))
        return self.head(self.conv(self.maybe_norm(x)))

    def _branches(self, x):
        """Two stages of parallel branches, some of them dead as a whole."""
        for _ in range(2):
            width = self.size(2, 4)
            parts = [
                self.conv(self.conv(x, padding="same"), width, padding="same"),
                self.conv(x, width, padding="same"),
                self.conv(x, width, padding="same", activation="linear"),
            ]
            merge = self.choose(
                [layers.Add, layers.Concatenate, layers.Multiply, layers.Maximum, layers.Average]
            )
            x = merge()(parts[: self.size(2, 3)])
            if self.chance(0.5):
                x = layers.ReLU()(x)
        return self.head(x)

    def _gate(self, x):
        width = self.size(3, 5)
        x = self.conv(x, width)
        g = layers.Reshape((1, 1, width))(layers.GlobalAveragePooling2D()(x))
        g = layers.Conv2D(self.size(), 1, activation="relu")(g)
        g = layers.Conv2D(width, 1, activation=self.choose(["sigmoid", "relu"]))(g)
        return self.head(self.conv(layers.Multiply()([x, g])))

    def _outputs(self, x):
        x = self.conv(x)
        y = self.conv(x)
        features = layers.GlobalAveragePooling2D()(y)
        return (
            [self.head(x), self.head(y, 3), features]
            if self.chance(0.3)
            else [
                self.head(x),
                self.head(y, 3),
            ]
        )

    def _flat_sum(self, x):
        x = layers.UpSampling2D(2)(self.pool(self.conv(x)))
        flat = layers.Flatten()(self.conv(self.pool(x), 2, padding="same"))
        other = self.dense(self.dense(flat), flat.shape[-1])
        return self.head(layers.Add()([flat, other]) if self.chance(0.5) else flat)

    def _fill(self, model: keras.Model) -> None:
        """Random weights; a share of the columns, rows, whole layers and gammas is zero."""
        outputs = set(model.output_names)
        for layer in model.layers:
            if isinstance(layer, layers.BatchNormalization):
                width = layer.moving_mean.shape[0]
                if layer.gamma is not None:
                    zero = self.random.random(width) < 0.15
                    layer.gamma.assign(np.where(zero, 0, self.random.normal(1, 0.4, width)))
                if layer.beta is not None:
                    layer.beta.assign(self.random.normal(0, 0.5, width))
                layer.moving_mean.assign(self.random.normal(0, 0.5, width))
                layer.moving_variance.assign(self.random.uniform(0.5, 2, width))
                continue
            likely = 0.3 if self.kind == "branches" else 0.05
            dead = layer.name not in outputs and self.chance(likely)
            for variable in layer.weights:
                value = self._values(tuple(variable.shape), layer.name in outputs, dead)
                variable.assign(value)

    def _values(self, shape, is_output: bool, dead: bool) -> np.ndarray:
        if len(shape) == 1:
            zero = self.random.random(shape) < 0.3
            return np.where(zero, 0, self.random.normal(0, 0.5, shape))
        fan_in = np.prod(shape[:-1])
        value = self.random.normal(0, 1.5 / np.sqrt(fan_in), shape)
        if not is_output:
            value[..., self.random.random(shape[-1]) < 0.2] = 0
        if self.chance(0.3):
            value[..., self.random.random(shape[-2]) < 0.2, :] = 0
        return value * (not dead)
