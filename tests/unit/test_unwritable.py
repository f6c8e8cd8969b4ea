"""Every writer under a limit of file sizes: one sentence names the file, and no file remains."""

import resource
import signal
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pytest
import tf_keras as keras

from nasturtium.data import prepared
from nasturtium.errors import StorageError
from nasturtium.models.files import save_model
from nasturtium.records.atomic import atomic_path
from nasturtium.records.parquet import column, write_table
from nasturtium.report.style import new_figure, save

BYTES = 2048


@contextmanager
def limited():
    """No file of this process may have more than BYTES, including the output of pytest."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def text(path):
    with atomic_path(path) as temporary:
        temporary.write_text("x" * 10 * BYTES)


def table(path):
    noise = np.random.default_rng(0).bytes(10 * BYTES).hex()
    write_table(path, pa.schema([column("text", pa.string(), "")]), [{"text": noise}], code="")


def array(path):
    samples = np.random.default_rng(0).random((BYTES, 1))
    prepared._save(path, None, (samples * 1e6).astype("int64"))


def model(path):
    inputs = keras.Input((100,))
    save_model(keras.Model(inputs, keras.layers.Dense(100)(inputs)), path)


def figure(path):
    drawn, axes = new_figure(1, 1, 4, 3)
    axes[0, 0].plot(range(BYTES), np.random.default_rng(0).random(BYTES))
    save(drawn, path, "title")


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (text, "summary.md"),
        (table, "metrics.parquet"),
        (array, "features.npy"),
        (model, "model.keras"),
        (figure, "power.svg"),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_no_file(tmp_path, write, name):
    path = tmp_path / name
    with pytest.raises(StorageError) as caught, limited():
        write(path)
    assert str(caught.value) == (
        f"{path} could not be written: it would exceed the limit for file sizes; raise the limit "
        "(ulimit -f), and run the same command again."
    )
    assert list(tmp_path.iterdir()) == []


def test_an_error_that_is_not_the_disk_s_stays_what_it_is(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.txt"):
        (tmp_path / "missing").read_text()
