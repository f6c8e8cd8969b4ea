"""Descriptions of the built-in data sets, known before any file is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nasturtium.errors import DataError

Task = Literal["classification", "regression"]
Kind = Literal["table", "sequence", "image", "text"]

# Nets from the literature that can be the reference net of a data set.
LITERATURE = ("lenet_300_100", "lenet_5", "resnet_8", "resnet_20", "vgg_small")


@dataclass(frozen=True)
class Description:
    """A data set as the models see it.

    Attributes
    ----------
    task
        Classification into ``classes`` labels, or regression of one target.
    input_shape
        Shape of one sample: (columns,) for a table, (steps, channels) for a sequence, (height,
        width, channels) for an image, (tokens,) for a text.
    classes
        Number of classes; None for a regression.
    target_unit
        Unit of a regression's target, in which MAE and RMSE are reported.
    input_scale
        Images are divided by this largest raw value. None for tables and sequences: their columns
        or channels are standardised.
    reference
        Reference net of a user's data set: the name of a built-in data set with that net,
        ``{"mlp": [units, ...]}``, ``{"cnn": {"filters": [...], "dense": [...]}}`` or
        ``{"cnn1d": ...}``; None for the built-in data sets.
    impute
        Missing values of a column or channel become its ``mean`` or ``median`` in the train split;
        None if there are no missing values.
    feature_names, class_names
        Names of columns or channels, and of classes, if the source has them.
    categories
        Categories of each categorical column, in the order of its one-hot columns. These follow
        the numeric columns.
    dialect
        How the file writes numbers, dates and truth values, as a
        :class:`nasturtium.data.own.dialect.Dialect`; None if the source is no table file.
    picture_files
        Whether samples are read from picture files and resized to ``input_shape``.
    licence
        Licence of the data, or that none is stated; None if the user does not give it.
    text
        How texts become tokens (``tokens``, ``ngram`` and ``length``), and how many tokens a net
        knows (``vocabulary``); None for all other kinds.
    title
        Label for figures of this data set, if the name is not clear enough.
    """

    name: str
    task: Task
    input_shape: tuple[int, ...]
    classes: int | None = None
    target_unit: str | None = None
    input_scale: float | None = None
    reference: str | Mapping | None = None
    impute: str | None = None
    feature_names: tuple[str, ...] | None = None
    class_names: tuple[str, ...] | None = None
    categories: Mapping[str, tuple[str, ...]] | None = None
    dialect: Mapping | None = None
    picture_files: bool = False
    licence: str | None = None
    text: Mapping | None = None
    title: str | None = None

    @property
    def kind(self) -> Kind:
        """Kind of a sample: a text if ``text`` is set; otherwise its shape decides."""
        if self.text is not None:
            return "text"
        return ("table", "sequence", "image")[len(self.input_shape) - 1]

    @property
    def is_image(self) -> bool:
        """Whether samples have height, width and channels."""
        return self.kind == "image"

    def class_name(self, label: int) -> str:
        """Name of class ``label``, or its number if it has no name."""
        return self.class_names[label] if self.class_names else str(label)


_CIFAR10 = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
_CIFAR10_LICENCE = "none stated; cite Krizhevsky 2009"
_CATALOG = {
    description.name: description
    for description in (
        Description(
            "digits",
            "classification",
            (8, 8, 1),
            classes=10,
            input_scale=16.0,
            licence="CC BY 4.0 (UCI Machine Learning Repository)",
        ),
        Description(
            "diabetes",
            "regression",
            (10,),
            target_unit="progression score",
            feature_names=("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
            licence="none stated; cite Efron et al. 2004",
        ),
        Description(
            "mnist",
            "classification",
            (28, 28, 1),
            classes=10,
            input_scale=255.0,
            licence="CC BY-SA 3.0",
        ),
        Description(
            "cifar10",
            "classification",
            (32, 32, 3),
            classes=10,
            input_scale=255.0,
            class_names=_CIFAR10,
            licence=_CIFAR10_LICENCE,
        ),
        Description(
            "cifar10_train",
            "classification",
            (32, 32, 3),
            classes=10,
            input_scale=255.0,
            class_names=_CIFAR10,
            licence=_CIFAR10_LICENCE,
            title="CIFAR-10 training images, 40,000/10,000",
        ),
        Description(
            "sat6",
            "classification",
            (28, 28, 4),
            classes=6,
            input_scale=255.0,
            class_names=("building", "barren_land", "trees", "grassland", "road", "water"),
            licence="public domain imagery; cite Basu et al. 2015",
        ),
        Description(
            "california_housing",
            "regression",
            (8,),
            target_unit="100,000 USD",
            feature_names=(
                *("MedInc", "HouseAge", "AveRooms", "AveBedrms"),
                *("Population", "AveOccup", "Latitude", "Longitude"),
            ),
            licence="none stated; cite Pace and Barry 1997",
        ),
    )
}
NAMES = tuple(_CATALOG)


def describe(name: str) -> Description:
    """The description of data set ``name``.

    Raises
    ------
    DataError
        The study has no such data set.
    """
    if name not in _CATALOG:
        raise DataError(f"Data set '{name}' is not known; choose from {', '.join(NAMES)}.")
    return _CATALOG[name]
