"""Malicious model files: each is refused with one sentence before it can do anything."""

import io
import json
import resource
import tempfile
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import tf_keras as keras

from nasturtium.errors import ModelError
from nasturtium.models.files import load_model, save_model

MEMBERS = ("metadata.json", "config.json", "model.weights.h5")


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path_factory, monkeypatch):
    """Other tests that run at the same time leave files in the common one."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> dict[str, bytes]:
    """The members of a model file of the study."""
    inputs = keras.Input((2,), name="input")
    outputs = keras.layers.Dense(1, activation="relu", name="dense")(inputs)
    path = tmp_path_factory.mktemp("plain") / "model.keras"
    save_model(keras.Model(inputs, outputs), path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in MEMBERS}


def packed(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def layer(**changes):
    """Change what the file says of its Dense layer."""

    def change(members, _):
        config = json.loads(members["config.json"])
        config["config"]["layers"][1].update(changes)
        return {**members, "config.json": json.dumps(config).encode()}

    return change


def argument(**changes):
    """Change arguments of its Dense layer."""

    def change(members, _):
        config = json.loads(members["config.json"])
        config["config"]["layers"][1]["config"].update(changes)
        return {**members, "config.json": json.dumps(config).encode()}

    return change


def part(module: str, name: str, **arguments) -> dict:
    return {"module": module, "class_name": name, "config": arguments, "registered_name": None}


def layers(*changed, shape=(None, 2), outputs="dense"):
    """A model of these layers: name, class, arguments, and the names of the layers before it."""

    def change(members, _):
        config = json.loads(members["config.json"])
        entry, dense = config["config"]["layers"]
        entry["config"]["batch_input_shape"] = list(shape)
        entry.pop("build_config", None)
        model = [entry]
        for name, kind, arguments, before in changed:
            calls = before if before and isinstance(before[0], list) else [before]
            model.append(
                {
                    **dense,
                    "class_name": kind,
                    "name": name,
                    "config": {"name": name, **arguments},
                    "build_config": None,
                    "inbound_nodes": [[[b, 0, 0, {}] for b in call] for call in calls],
                }
            )
        config["config"]["layers"] = model
        config["config"]["output_layers"] = [[outputs, 0, 0]]
        return {**members, "config.json": json.dumps(config).encode()}

    return change


def built(shape):
    """A frame's statistics, with a shape to build them for that is no sample's."""
    frame = ("dense", "Normalization", {"axis": [-1], "mean": [0.0], "variance": [1.0]}, ["input"])

    def change(members, folder):
        members = layers(frame)(members, folder)
        config = json.loads(members["config.json"])
        config["config"]["layers"][1]["build_config"] = {"input_shape": shape}
        return {**members, "config.json": json.dumps(config).encode()}

    return change


STATISTICS = {"mean": 0.5, "variance": 1.0}


def nested(members, _):
    config = json.loads(members["config.json"])
    inner = json.loads(members["config.json"])
    inner["config"]["layers"][1].update(class_name="Lambda", config={"function": "x"})
    config["config"]["layers"][1] = {**inner, "name": "dense", "inbound_nodes": []}
    return {**members, "config.json": json.dumps(config).encode()}


def deep(members, _):
    return {**members, "config.json": b'{"a":' * 100_000 + b"1" + b"}" * 100_000}


def deep_argument(members, _):
    shape = "1"
    for _ in range(200):
        shape = f"[{shape}]"
    config = members["config.json"].replace(b'"units": 1', f'"units": {shape}'.encode())
    assert config != members["config.json"]
    return {**members, "config.json": config}


def not_a_number(members, _):
    config = members["config.json"].replace(b'"units": 1', b'"units": NaN')
    return {**members, "config.json": config}


def compiled(members, _):
    config = json.loads(members["config.json"])
    config["compile_config"] = part("keras.optimizers", "Adam")
    return {**members, "config.json": json.dumps(config).encode()}


def weights(change):
    """Change the HDF5 file of the weights."""

    def changed(members, folder):
        file = io.BytesIO(members["model.weights.h5"])
        with h5py.File(file, "r+") as opened:
            change(opened, folder)
        return {**members, "model.weights.h5": file.getvalue()}

    return changed


def external_storage(file, folder):
    secret = folder / "secret"
    secret.write_bytes(b"\1" * 8)
    del file["layers/dense/vars/0"]
    file.create_dataset(
        "layers/dense/vars/0", (2, 1), "f4", external=[(str(secret), 0, h5py.h5f.UNLIMITED)]
    )


def external_link(file, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["x"] = np.zeros((2, 1), "f4")
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = h5py.ExternalLink(str(folder / "other.h5"), "x")


def soft_link(file, folder):
    file["layers/dense/vars/2"] = h5py.SoftLink("/layers/dense/vars/0")


def virtual(file, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["x"] = np.zeros((2, 1), "f4")
    layout = h5py.VirtualLayout((2, 1), "f4")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "x", shape=(2, 1))
    del file["layers/dense/vars/0"]
    file.create_virtual_dataset("layers/dense/vars/0", layout)


def compressed(file, folder):
    file.create_dataset("bomb", (10**8,), "f4", chunks=(10**6,), compression="gzip")


def other_shape(file, folder):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = np.zeros((3, 1), "f4")


def bomb(members, _):
    return {**members, "metadata.json": b"0" * 2**26}


def huge_config(members, _):
    return {**members, "config.json": b"[" + b"0," * 2**23 + b"0]"}


def extra(name: str, content: bytes = b"0"):
    return lambda members, _: {**members, name: content}


HOSTILE = {
    "a method of a class": layer(class_name="ClassMethod", config={"name": "x"}),
    "an operation of TensorFlow": layer(
        class_name="TensorFlowOpLayer", config={"node_def": "op: 'WriteFile'", "name": "x"}
    ),
    "a Lambda": layer(class_name="Lambda", config={"function": "x"}),
    "a call of a function": layer(class_name="TFOpLambda", config={"function": "io.write_file"}),
    "a registered name": layer(registered_name="subprocess>Popen"),
    "a class of another module": layer(module="subprocess", class_name="Popen"),
    "a vocabulary of a file": layer(
        class_name="StringLookup", config={"vocabulary": "/etc/passwd", "name": "x"}
    ),
    "a vocabulary of text": layer(
        class_name="TextVectorization", config={"vocabulary": "/etc/passwd", "name": "x"}
    ),
    "an unknown argument": argument(weights=[[1.0]]),
    "an initializer of another module": argument(kernel_initializer=part("os", "system")),
    "an initializer by its name": argument(kernel_initializer="os>system"),
    "a regularizer that is a layer": argument(kernel_regularizer=part("keras.layers", "Lambda")),
    "a constraint of another module": argument(kernel_constraint=part("builtins", "eval")),
    "an activation of another module": argument(activation=part("builtins", "function")),
    "an unknown activation": argument(activation="os.system"),
    "code in a list": argument(units=[part("os", "system")]),
    "a part with parts": argument(
        kernel_initializer=part("keras.initializers", "Constant", value=part("os", "system"))
    ),
    "a billion units": argument(units=10**9),
    "ten million units": argument(units=10**7),
    "units that are no number": not_a_number,
    "a nested model with code": nested,
    "a deep configuration": deep,
    "a deep argument": deep_argument,
    "a compiled model": compiled,
    "weights in another file": weights(external_storage),
    "a link to another file": weights(external_link),
    "a link inside": weights(soft_link),
    "weights made of another file": weights(virtual),
    "compressed weights": weights(compressed),
    "weights of another shape": weights(other_shape),
    "a member more": extra("assets/code.py"),
    "a member above the folder": extra("../../evil.py"),
    "a member that unpacks to much": bomb,
    "a huge configuration": huge_config,
    "no configuration": lambda members, _: {
        name: content for name, content in members.items() if name != "config.json"
    },
    "statistics of a huge input": layers(
        ("dense", "Normalization", {"axis": [1], **STATISTICS}, ["input"]), shape=(None, 10**7)
    ),
    "statistics over all axes": layers(
        ("dense", "Normalization", {"axis": [1, 2], **STATISTICS}, ["input"]),
        shape=(None, 10**4, 10**4),
    ),
    "statistics of a padded input": layers(
        ("pad", "RepeatVector", {"n": 10**7}, ["input"]),
        ("dense", "Normalization", {"axis": [1, 2], **STATISTICS}, ["pad"]),
    ),
    "statistics that don't fit": layers(
        (
            "dense",
            "Normalization",
            {"axis": [-1], "mean": [[0.0]] * 3000, "variance": 1.0},
            ["input"],
        ),
        shape=(None, 3000),
    ),
    "statistics built for another shape": built([None, 10**7]),
    "layers in a circle": layers(("a", "ReLU", {}, ["dense"]), ("dense", "ReLU", {}, ["a"])),
    "a layer before itself": layers(("dense", "Add", {}, ["input", "dense"])),
    "a layer that is not there": layers(("dense", "ReLU", {}, ["other"])),
    "an orthogonal start": argument(
        units=2000, kernel_initializer=part("keras.initializers", "Orthogonal")
    ),
    "no groups": layers(
        ("dense", "Conv1D", {"filters": 2, "kernel_size": [1], "groups": 0}, ["input"]),
        shape=(None, 2, 2),
    ),
    "a huge table of embeddings": layers(
        ("dense", "Embedding", {"input_dim": 10**7, "output_dim": 10**7}, ["input"])
    ),
    "a convolution over steps that is huge": layers(
        ("dense", "SeparableConv1D", {"filters": 10**7, "kernel_size": [10**7]}, ["input"]),
        shape=(None, 10**7, 10**3),
    ),
    "thousands of layers": layers(
        *[(f"a{i}", "ReLU", {}, [f"a{i - 1}" if i else "input"]) for i in range(4000)],
        ("dense", "Dense", {"units": 7}, ["a3999"]),
    ),
    "thousands of calls": layers(
        ("a", "ReLU", {}, [["input"] for _ in range(4000)]),
        ("dense", "Dense", {"units": 7}, ["a"]),
    ),
    "thousands of inputs": layers(
        ("a", "Concatenate", {}, ["input"] * 100_000), ("dense", "Dense", {"units": 7}, ["a"])
    ),
    "outputs that are huge": layers(
        ("a", "Reshape", {"target_shape": [1, 1, 2]}, ["input"]),
        ("dense", "UpSampling2D", {"size": [10**7, 10**7]}, ["a"]),
    ),
    "a long list of axes": layers(
        ("dense", "BatchNormalization", {"axis": [1] * 10**6}, ["input"])
    ),
    "other weights": lambda members, _: {**members, "model.weights.h5": b"no HDF5"},
}


def refused(path: Path) -> str:
    """The sentence; nothing is left behind, and it takes neither long nor much memory."""
    temporary = Path(tempfile.gettempdir())
    before, peak_kib = set(temporary.iterdir()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start_s = time.process_time()
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert time.process_time() - start_s < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_kib < 200 * 1024
    left = {path for path in set(temporary.iterdir()) - before if "nasturtium" in path.name}
    assert left == set()
    sentence = str(caught.value)
    assert sentence.startswith(str(path))
    assert "\n" not in sentence
    return sentence


def test_the_plain_file_itself_loads(plain, tmp_path):
    assert load_model(packed(tmp_path / "model.keras", plain)).count_params() == 3


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused(plain, tmp_path, name):
    refused(packed(tmp_path / "model.keras", HOSTILE[name](plain, tmp_path)))


def test_two_members_of_one_name_are_refused(plain, tmp_path):
    path = packed(tmp_path / "model.keras", plain)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", plain["config.json"])
    refused(path)


def test_a_file_that_is_cut_is_refused(plain, tmp_path):
    path = packed(tmp_path / "model.keras", plain)
    content = path.read_bytes()
    for share in (0, 0.3, 0.6, 0.99):
        path.write_bytes(content[: int(len(content) * share)])
        assert "is no .keras file" in refused(path)


def test_a_file_with_a_flipped_byte_is_refused_or_whole(plain, tmp_path):
    path = packed(tmp_path / "model.keras", plain)
    content = path.read_bytes()
    random = np.random.default_rng(0)
    refusals = 0
    for place in random.integers(0, len(content), 60):
        damaged = bytearray(content)
        damaged[place] ^= 1 << random.integers(0, 8)
        path.write_bytes(damaged)
        try:
            loaded = load_model(path)
        except ModelError:
            refusals += 1
        else:
            # A date, an attribute of a member: nothing that the model is made of.
            assert loaded.count_params() == 3
    assert refusals > 30


def test_layers_of_searches_and_prunings_are_loaded(tmp_path):
    layers = keras.layers
    inputs = keras.Input((8, 8, 2), name="input")
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, kernel_regularizer="l2")(x)
    x = layers.BatchNormalization()(x)
    shortcut = layers.Conv2D(6, 1, strides=2)(x)
    x = layers.ReLU()(layers.DepthwiseConv2D(3, padding="same", strides=2)(x))
    x = layers.Add()([layers.SeparableConv2D(6, 3, padding="same")(x), shortcut])
    x = layers.PReLU(shared_axes=[1, 2])(x)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    x = layers.Concatenate()([x, layers.Dense(3, activation="tanh")(x)])
    model = keras.Model(inputs, layers.Softmax()(layers.Dense(5)(x)))
    save_model(model, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    samples = np.random.default_rng(0).random((3, 8, 8, 2), np.float32)
    np.testing.assert_array_equal(model(samples), loaded(samples))
