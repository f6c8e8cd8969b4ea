"""The list of the study's pruning methods, which configuration, rules and figures read.

A new method is a module with a :class:`~nasturtium.pruning.pruner.Pruner`, a line in ``METHODS``,
and its options, if any, under its name in section ``pruning`` of the schema. Nothing heavy is
imported here, since planning reads this too.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """A pruning method.

    Attributes
    ----------
    name
        As in the configuration and in the names of runs: lower-case letters, digits, underscores.
    pruner
        Dotted name of its ``Pruner``. The digest of a stage's code treats it like an import.
    removes_channels
        Whether compaction makes the net smaller by its ratio, instead of leaving zeros.
    is_control
        Whether it only serves as a comparison.
    """

    name: str
    pruner: str
    removes_channels: bool = False
    is_control: bool = False


METHODS = {
    method.name: method
    for method in (
        Method("magnitude", "nasturtium.pruning.magnitude.MagnitudePruning"),
        Method("channels", "nasturtium.pruning.channels.ChannelPruning", removes_channels=True),
        # A random choice shows what the choice of channels is worth.
        Method(
            "random",
            "nasturtium.pruning.channels.RandomChannels",
            removes_channels=True,
            is_control=True,
        ),
    )
}


def is_control(name: str | None) -> bool:
    """Whether ``name`` is a method that only serves as a comparison."""
    return name in METHODS and METHODS[name].is_control


def control_runs() -> list[str]:
    """The families of controls that the methods make possible, as ``pruning.controls`` names them.

    The shapes that a method leaves, trained from scratch; and the methods that are controls.
    """
    scratch = [f"scratch/{name}" for name in METHODS if not METHODS[name].is_control]
    return [*scratch, *(f"pruned/{name}" for name in METHODS if METHODS[name].is_control)]
