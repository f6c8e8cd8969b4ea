import nasturtium  # noqa: F401  (chooses Keras 2 before any test imports TensorFlow)
