"""Options of magnitude pruning that exclude each other."""

from collections.abc import Mapping

from nasturtium.errors import ConfigError


def check(options: Mapping, dataset: str) -> None:
    """Refuse blocks and ratios of single layers together with one threshold for all layers.

    ``options`` are those of ``dataset``, or of all data sets if it is empty.

    Raises
    ------
    ConfigError
        ``threshold`` is ``global`` together with one of them.
    """
    if options["threshold"] != "global":
        return
    key = f"{f'per_dataset.{dataset}.' if dataset else ''}pruning.magnitude"
    for name, without in (("block_size", [1, 1]), ("layer_ratios", {})):
        if options[name] != without:
            raise ConfigError(
                f"Configuration key '{key}.{name}' has no effect if {key}.threshold is global, "
                "since the smallest weights of the whole net are pruned; remove one of the two. "
                "See config/README.md."
            )
