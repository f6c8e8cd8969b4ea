"""The recipes of trainings that follow the baseline's, from the settings."""

from collections.abc import Mapping


def retraining_recipe(settings: Mapping) -> dict:
    """``training`` with the epochs and the learning rate of ``pruning``."""
    pruning = settings["pruning"]
    return {
        **settings["training"],
        "epochs": pruning["epochs"],
        "learning_rate": pruning["learning_rate"],
    }


def quantisation_recipe(settings: Mapping) -> dict:
    """``training`` with the epochs and the learning rate of ``quantisation``."""
    quantisation = settings["quantisation"]
    return {
        **settings["training"],
        "epochs": quantisation["epochs"],
        "learning_rate": quantisation["learning_rate"],
    }


def total_recipe(settings: Mapping) -> dict:
    """``training`` with as many epochs as a baseline and its pruning have together."""
    epochs = settings["training"]["epochs"] + settings["pruning"]["epochs"]
    return {**settings["training"], "epochs": epochs}


def pruning_of_searched_nets(pruning: Mapping) -> dict:
    """``pruning`` for a net that a search made: ``layer_ratios`` name layers of the reference."""
    return {**pruning, "magnitude": {**pruning.get("magnitude", {}), "layer_ratios": {}}}
