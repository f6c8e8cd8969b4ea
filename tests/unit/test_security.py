"""Promises of docs/security.md that no other test checks."""

import contextlib
import importlib
import json
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import requests
import scipy.io
import tf_keras as keras

import nasturtium
from nasturtium.data import prepared, sources, splits
from nasturtium.data.catalog import describe
from nasturtium.data.sources import SourceFile, refuse_plain_text
from nasturtium.errors import DamageError, DataError, ModelError
from nasturtium.models.files import load_model, save_model
from nasturtium.settings.configuration import described

CODE = "import pathlib; pathlib.Path({path!r}).touch()"


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return exec, (CODE.format(path=self.path),)


@pytest.fixture
def plain(tmp_path):
    """A model as the study writes it."""
    inputs = keras.Input((2,))
    outputs = keras.layers.Dense(1, activation="relu")(inputs)
    path = tmp_path / "digits/seed0/baseline/model.keras"
    save_model(keras.Model(inputs, outputs), path)
    return path


def edited(path, change):
    """The archive with another configuration."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change(config)
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def with_lambda(path, ran):
    inputs = keras.Input((2,))
    outputs = keras.layers.Lambda(
        eval(f"lambda x: (__import__('pathlib').Path({str(ran)!r}).touch(), x)[1]")
    )(inputs)
    return keras.Model(inputs, outputs)


def test_a_lambda_in_a_model_does_not_run(plain, tmp_path):
    ran = tmp_path / "ran"
    with_lambda(plain, ran).save(plain)
    ran.unlink()  # it ran when the layer was made
    with pytest.raises(ModelError, match=r"'Lambda' of 'keras.layers', which is no plain Keras"):
        load_model(plain)
    with pytest.raises(ModelError):
        nasturtium.load_model("digits/seed0/baseline", tmp_path)
    assert not ran.exists()
    # It would run: the file is a real attempt.
    keras.models.load_model(plain, safe_mode=False)
    assert ran.exists()


@pytest.mark.parametrize("form", ["h5", "tf"])
def test_a_format_of_keras_s_past_under_the_new_name_is_refused(plain, tmp_path, form):
    ran = tmp_path / "ran"
    model = with_lambda(plain, ran)
    plain.unlink()
    model.save(tmp_path / "old", save_format=form)
    (tmp_path / "old").rename(plain)
    ran.unlink(missing_ok=True)
    with pytest.raises(ModelError, match=r"is no .keras file; create it again"):
        load_model(plain)
    assert not ran.exists()


def test_a_module_that_a_model_names_is_not_imported(plain, tmp_path, monkeypatch):
    ran = tmp_path / "ran"
    (tmp_path / "probe_module.py").write_text(
        CODE.format(path=str(ran)) + "\nfrom tf_keras.layers import Dense as Probe\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def change(config):
        config |= {"module": "probe_module", "class_name": "Probe", "registered_name": None}

    edited(plain, change)
    with pytest.raises(ModelError, match="'Probe' of 'probe_module'"):
        load_model(plain)
    assert not ran.exists()
    # Keras's own safe mode would have imported it, whatever it makes of it afterwards.
    with contextlib.suppress(TypeError, ValueError):
        keras.models.load_model(plain, compile=False, safe_mode=True)
    assert ran.exists()
    sys.modules.pop("probe_module")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("keras.utils", "get_file"),
        ("keras.layers", "deserialize"),
        ("keras.layers", "TFOpLambda"),
        ("builtins", "function"),
        ("os", "Functional"),
        (None, "Dense"),
    ],
)
def test_only_plain_layers_are_built(plain, module, name):
    def change(config):
        config["config"]["layers"][1] |= {"module": module, "class_name": name}

    edited(plain, change)
    with pytest.raises(ModelError, match=f"'{name}' of '{module}'"):
        load_model(plain)


def test_a_model_of_the_study_is_loaded(plain):
    assert load_model(plain).count_params() == 3


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x03\x04 cut off"])
def test_what_is_no_model_is_explained(plain, content):
    plain.write_bytes(content)
    with pytest.raises(ModelError, match=r"is no .keras file"):
        load_model(plain)


def test_prepared_arrays_are_read_without_pickles(plain, tmp_path):
    ran = tmp_path / "ran"
    bad = np.empty(1, dtype=object)
    bad[0] = Touch(ran)
    split = tmp_path / "split.npz"
    np.savez(split, train=bad, validation=bad, test=bad, fill=bad)
    with pytest.raises(DamageError, match="is damaged"):
        splits.test_data(samples(), split)
    assert not ran.exists()
    # It would: the file is a real attempt.
    np.load(split, allow_pickle=True)["train"]
    assert ran.exists()


def samples() -> prepared.Prepared:
    return prepared.Prepared(describe("digits"), np.zeros((1, 8, 8, 1)), np.zeros(1), None)


def test_no_module_asks_for_pickles_but_the_one_that_restricts_them():
    package = Path(nasturtium.__file__).parent
    sources = {path.relative_to(package).as_posix(): path for path in package.rglob("*.py")}
    words = {name: path.read_text() for name, path in sources.items()}
    assert [name for name, text in words.items() if "allow_pickle" in text] == []
    assert [name for name, text in words.items() if "import pickle" in text] == [
        "data/cifar10_pickle.py"
    ]
    assert [name for name, text in words.items() if "extractall" in text] == []
    # Only with a list of words, never with a line for a shell.
    assert [
        name for name, text in words.items() if "shell=True" in text or "os.system" in text
    ] == []


def test_a_matlab_file_runs_nothing(tmp_path):
    from nasturtium.data import sat6

    ran = tmp_path / "ran"
    path = tmp_path / sat6.MAT_FILE
    path.write_bytes(pickle.dumps(Touch(ran)))
    with pytest.raises(DataError):
        sat6.read_mat(path)
    scipy.io.savemat(path, {"train_x": np.array([Touch], dtype=object)})
    with pytest.raises(DataError):
        sat6.read_mat(path)
    assert not ran.exists()


def published() -> list[SourceFile]:
    """Every file that may be downloaded."""
    found = {}
    for name in ("mnist", "cifar10", "california_housing", "sat6"):
        module = importlib.import_module(f"nasturtium.data.{name}")
        values = [
            *vars(module).values(),
            *(v for d in vars(module).values() if isinstance(d, dict) for v in d.values()),
            *(v for d in vars(module).values() if isinstance(d, list | tuple) for v in d),
        ]
        found |= {v.name: v for v in values if isinstance(v, SourceFile)}
    return list(found.values())


def test_every_download_is_encrypted_and_has_a_checksum():
    assert len(published()) >= 6
    for source in published():
        assert len(source.sha256) == 64
        assert all(url.startswith("https://") for url in source.urls)


@pytest.mark.parametrize(
    ("url", "location", "refused"),
    [
        ("https://a.org/x", "http://b.org/x", True),
        ("https://a.org/x", "//b.org/x", False),
        ("https://a.org/x", "/y", False),
        ("https://a.org/x", "https://b.org/x", False),
        ("https://a.org/x", "ftp://b.org/x", True),
    ],
)
def test_an_encrypted_address_does_not_lead_to_an_open_one(url, location, refused):
    response = requests.Response()
    response.status_code, response.url = 302, url
    response.headers["location"] = location
    if refused:
        with pytest.raises(requests.exceptions.InvalidSchema, match="redirects to"):
            refuse_plain_text(response)
    else:
        refuse_plain_text(response)


def test_a_redirect_is_looked_at_while_it_is_followed(monkeypatch, tmp_path):
    """Downloads with the real pooch and requests, over a fake transport."""

    class Transport(requests.adapters.BaseAdapter):
        def send(self, request, **kwargs):
            asked.append(request.url)
            response = requests.Response()
            response.status_code, response.url, response.request = 302, request.url, request
            response.headers["location"] = "http://plain.example/file"
            response.raw = None
            response._content = b""
            return response

        def close(self):
            pass

    asked = []
    monkeypatch.setattr(requests.Session, "get_adapter", lambda *_, **__: Transport())
    monkeypatch.setenv("NASTURTIUM_DATA", str(tmp_path))
    monkeypatch.setenv("NASTURTIUM_RETRY_S", "")
    source = SourceFile("file", "0" * 64, ("https://secure.example/file",))
    with pytest.raises(
        DataError, match=r"redirects to http://plain.example/file, which is not encrypted"
    ):
        sources.fetch("mnist", source)
    assert asked == ["https://secure.example/file"]


@pytest.mark.parametrize("name", ["a {x}.csv", "a}.csv"])
def test_a_file_name_with_a_wildcard_of_snakemake_s_is_refused(name):
    own = {
        "format": "csv",
        "path": name,
        "target": "y",
        "task": "regression",
        "reference": {"mlp": [4]},
    }
    with pytest.raises(nasturtium.errors.ConfigError, match="takes text in braces for a wildcard"):
        described.check("mine", own)
