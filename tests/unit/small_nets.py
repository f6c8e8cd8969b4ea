"""scikit-learn's digits and two small nets for them."""

from functools import cache

import numpy as np
import tf_keras as keras
from sklearn.datasets import load_digits

layers = keras.layers


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """1,797 images of 8x8 as float32 in 0..1 with a channel axis, and their classes."""
    images, classes = load_digits(return_X_y=True)
    return (images / 16).reshape(-1, 8, 8, 1).astype("float32"), classes


def mlp() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(48, activation="relu"),
            layers.Dense(24, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def cnn() -> keras.Model:
    """A residual net with BatchNormalization, padding and a flattened head."""
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(12, 3, padding="same", activation="relu")(inputs)
    y = layers.BatchNormalization()(layers.Conv2D(12, 3, padding="same")(x))
    x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(layers.Conv2D(16, 3, activation="relu")(x))
    x = layers.Dense(16, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x))


def trained(make, epochs: int = 3) -> keras.Model:
    keras.utils.set_random_seed(1)
    model = make()
    compile_for_digits(model)
    images, classes = digits()
    model.fit(images[:1200], classes[:1200], epochs=epochs, batch_size=32, verbose=0)
    return model


def compile_for_digits(model: keras.Model) -> None:
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
