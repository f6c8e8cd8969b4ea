"""MATLAB files of version 5: files of SciPy are read in blocks; false sizes are refused."""

import struct
import zlib

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nasturtium.data.mat5 import NUMERIC, MatError, read_arrays

KINDS = sorted(NUMERIC)


def read(array, values=1000) -> np.ndarray:
    return np.concatenate(list(array.blocks(values))).reshape(array.shape, order="F")


@settings(max_examples=60, deadline=None)
@given(data=st.data(), compressed=st.booleans(), block=st.integers(1, 50))
def test_what_scipy_writes_is_read(tmp_path_factory, data, compressed, block):
    path = tmp_path_factory.mktemp("mat") / "x.mat"
    shapes = arrays.array_shapes(min_dims=2, max_dims=4, max_side=5)
    written = {}
    for name in ("a", "longer_name"):
        kind = data.draw(st.sampled_from(KINDS))
        dtype = np.dtype(kind if kind != "single" else "float32")
        numbers = st.integers(0, 100) if dtype.kind != "f" else st.floats(0, 100, width=32)
        written[name] = data.draw(arrays.arrays(dtype, shapes, elements=numbers))
    scipy.io.savemat(path, written, do_compression=compressed)
    found = read_arrays(path)
    assert list(found) == list(written)
    for name, array in written.items():
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(read(found[name], block), array)


def test_what_is_no_number_is_named_and_not_built(tmp_path):
    path = tmp_path / "x.mat"
    cell = np.array([["building", 1]], dtype=object)
    scipy.io.savemat(path, {"cell": cell, "text": "abc", "i": np.array([[1 + 2j]]), "x": [[1.5]]})
    found = read_arrays(path)
    kinds = {name: array.kind for name, array in found.items()}
    assert kinds == {"cell": "cell", "text": "char", "i": "double", "x": "double"}
    assert read(found["x"]) == [[1.5]]
    for name in ("cell", "text", "i"):
        with pytest.raises(MatError, match=f"'{name}' does not hold real numbers"):
            list(found[name].blocks(1))


def test_the_other_byte_order_is_read(tmp_path):
    path = tmp_path / "x.mat"
    body = struct.pack(">IIII", 6, 8, 6, 0) + struct.pack(">IIii", 5, 8, 1, 2)
    body += struct.pack(">HH4s", 1, 1, b"x") + struct.pack(">IIdd", 9, 16, 1.5, -2)
    path.write_bytes(b" " * 124 + b"\x01\x00MI" + struct.pack(">II", 14, len(body)) + body)
    assert read(read_arrays(path)["x"]).tolist() == [[1.5, -2]]


def lying(position: int, compressed: bool) -> bytes:
    """A file whose 32 bits at ``position`` of the array say two thousand million."""
    body = struct.pack("<IIII", 6, 8, 9, 0) + struct.pack("<IIii", 5, 8, 4, 4)
    body += struct.pack("<II8s", 1, 7, b"train_x") + struct.pack("<II16s", 2, 16, bytes(16))
    element = bytearray(struct.pack("<II", 14, len(body)) + body)
    if position is not None:
        element[position : position + 4] = struct.pack("<I", 2_000_000_000)
    if compressed:
        packed = zlib.compress(bytes(element))
        element = struct.pack("<II", 15, len(packed)) + packed
    return b" " * 124 + b"\x00\x01IM" + bytes(element)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("position", [12, 28, 32, 44, 60])
def test_a_size_that_lies_reserves_nothing(tmp_path, position, compressed):
    path = tmp_path / "x.mat"
    path.write_bytes(lying(None, compressed))
    assert read(read_arrays(path)["train_x"]).shape == (4, 4)
    path.write_bytes(lying(position, compressed))
    with pytest.raises(MatError):
        list(read_arrays(path)["train_x"].blocks(10**9))


@pytest.mark.parametrize("compressed", [False, True])
def test_a_cut_file_is_refused_wherever_it_is_cut(tmp_path, compressed):
    path, whole = tmp_path / "x.mat", lying(None, compressed)
    for end in range(129, len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises((MatError, zlib.error)):
            list(read_arrays(path)["train_x"].blocks(16))


@pytest.mark.parametrize("header", [b"", b"MATLAB 7.3 MAT-file", b" " * 124 + b"\x00\x02IM"])
def test_another_version_is_refused(tmp_path, header):
    path = tmp_path / "x.mat"
    path.write_bytes(header)
    with pytest.raises(MatError, match="no header"):
        read_arrays(path)
