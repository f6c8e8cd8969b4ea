"""The errors that a user may meet.

Every message is one sentence: which file or key, what is wrong with it, what to do. Scripts print
it without a traceback. Any other exception is a defect of this package and keeps its traceback.
"""


class NasturtiumError(Exception):
    """Base of every error that is explained to the user in one sentence."""


class ConfigError(NasturtiumError):
    """A key of the configuration is unknown, missing or out of range."""


class DataError(NasturtiumError):
    """A source file is missing, broken or not in the expected format."""


class RecordError(NasturtiumError):
    """A table is missing, or a row does not fit its schema."""


class DamageError(NasturtiumError):
    """A file of the study can't be read, or differs from what was written."""


class GpuError(NasturtiumError):
    """A job can't take a GPU of its own."""


class JobError(NasturtiumError):
    """A job can't run now, or not on this machine."""


class StorageError(NasturtiumError):
    """A file can't be written or read."""


class ModelError(NasturtiumError):
    """A model file is not one that the study writes, and may do harm."""


class TrainingError(NasturtiumError):
    """A training can't do what was asked."""


class PruningError(NasturtiumError):
    """A model can't be pruned as asked, or was not."""


class CompactionError(NasturtiumError):
    """A compacted model does not compute what the original did."""


class SearchError(NasturtiumError):
    """An architecture search can't go on."""


class MeasurementError(NasturtiumError):
    """A saved model can't be measured."""
