"""Text from other people: no markup or control codes, and no password in any encoding."""

import base64
import html
import json
import logging
import urllib.parse
from io import StringIO
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from nasturtium.data.own import image_folder, tables
from nasturtium.errors import ConfigError, DataError
from nasturtium.jobs.live_view import LiveView
from nasturtium.jobs.logs import _Line, _Safe
from nasturtium.jobs.password import hidden
from nasturtium.plain_text import fault, shown
from nasturtium.settings.configuration import validated

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--",
    "<img src=x onerror=alert(1)>",
    "<?xml",
    "m\x1b[2J",
    "m\x00",
    "m\x9b31m",
    "m\rn",
    "kg\nm",
    "\u202egnp.exe",
    "a\u2028b",
    "\ud800",
]
PLAIN = ["°C", "µg/m³", "<=50K", ">50K", "a < b & c", "100 000 US$", "Größe", "温度", 'his "own"']


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_and_control_characters_are_found(text):
    assert fault(text)


@pytest.mark.parametrize("text", PLAIN)
def test_what_people_write_is_plain(text):
    assert fault(text) is None
    assert shown(text) == text


def own(**more):
    described = {
        "format": "csv",
        "path": "a.csv",
        "task": "regression",
        "target": "y",
        "reference": {"mlp": [4]},
        **more,
    }
    return {"datasets": ["mine"], "own_datasets": {"mine": described}}


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("key", ["target_unit", "path", "target"])
def test_hostile_text_in_the_configuration_is_refused(key, text):
    with pytest.raises(
        ConfigError, match=f"'own_datasets.mine.{key}' must not contain the"
    ) as caught:
        validated(own(**{key: text}), SCHEMA)
    said = str(caught.value)
    assert said == shown(said)
    assert text not in said or text == "<!--"


def test_hostile_names_of_keys_are_refused_and_shown_escaped():
    with pytest.raises(ConfigError) as caught:
        validated({"datas\x1b[2Jets": ["digits"]}, SCHEMA)
    assert "'datas\\x1b[2Jets' must not contain the control character '\\x1b'" in str(caught.value)


def test_a_tab_may_separate_a_table():
    assert validated(own(separator="\t"), SCHEMA)["own_datasets"]["mine"]["separator"] == "\t"


def test_aliases_that_repeat_each_other_are_refused():
    lines = ["a0: &a0 [lol, lol]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(ConfigError, match="more than 100,000 values, most likely through aliases"):
        validated(yaml.safe_load("\n".join(lines)), SCHEMA)
    with pytest.raises(ConfigError, match="through aliases"):
        validated(yaml.safe_load("seeds: &a [*a, *a]"), SCHEMA)


@pytest.mark.parametrize("text", ["<b>", "m\x1b[2J", "x\x07"])
def test_hostile_names_in_files_are_refused(tmp_path, text):
    path = tmp_path / "a.csv"
    described = own(path=str(path))["own_datasets"]["mine"]
    path.write_text(f"{text},y\n1,2\n3,4\n")
    with pytest.raises(DataError, match="contains the"):
        tables.read("mine", described)
    path.write_text(f"x,y\n{text},2\nb,4\n")
    with pytest.raises(DataError, match=r"column 'x': .*contains the"):
        tables.read("mine", {**described, "categorical": ["x"]})
    path.write_text(f"x,y\n1,{text}\n2,b\n")
    with pytest.raises(DataError, match=r"column 'y': .*contains the"):
        tables.read("mine", {**described, "task": "classification"})
    for name in (text, "b"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
    pictures = {"path": str(tmp_path / "pictures"), "input_shape": [4, 4, 1]}
    with pytest.raises(DataError, match="contains the"):
        image_folder.read("mine", pictures)


def record(message):
    return logging.LogRecord("nasturtium", logging.INFO, "", 0, message, None, None)


def test_a_terminal_never_gets_an_escape_code(monkeypatch):
    monkeypatch.delenv("NASTURTIUM_STORAGE_PASSWORD", raising=False)
    hostile = "a.csv: \x1b]0;owned\x07 \x9b2J\r"
    said = _Safe("  %(message)s").format(record(hostile))
    assert said == "  a.csv: \\x1b]0;owned\\x07 \\x9b2J\\r"
    assert json.loads(_Line().format(record(hostile)))["text"] == said.strip()
    drawn = StringIO()
    LiveView(Console(file=drawn)).say(hostile)
    assert drawn.getvalue() == f"{said.strip()}\n"


PASSWORD = "p@ss/w:ö\"r d<'&\\%+$1"


def encodings(password):
    content = password.encode()
    user = f"me:{password}".encode()
    return {
        "plain": password,
        "url": urllib.parse.quote(password, safe=""),
        "url, lower case": urllib.parse.quote(password, safe="").lower(),
        "url, slash kept": urllib.parse.quote(password),
        "form": urllib.parse.quote_plus(password),
        "only @": password.replace("@", "%40"),
        "twice": urllib.parse.quote(urllib.parse.quote(password, safe=""), safe=""),
        "repr": repr(password)[1:-1],
        "ascii": ascii(password)[1:-1],
        "bytes": repr(content)[2:-1],
        "JSON": json.dumps(password)[1:-1],
        "JSON, unicode": json.dumps(password, ensure_ascii=False)[1:-1],
        "HTML": html.escape(password),
        "shell": "".join(f"\\{character}" for character in password),
        "hexadecimal": content.hex(),
        "HEXADECIMAL": content.hex().upper(),
        "base64": base64.b64encode(content).decode(),
        "base64 of user and password": base64.b64encode(user).decode(),
        "base64 amid a text": base64.b64encode(b"x" + user + b"@host").decode(),
        "base64 for a URL": base64.urlsafe_b64encode(b"xy" + user).decode(),
    }


@pytest.mark.parametrize("name", encodings(PASSWORD))
@pytest.mark.parametrize("password", [PASSWORD, "xyzzy-made-up"])
def test_a_password_is_hidden_in_every_encoding(monkeypatch, name, password):
    monkeypatch.setenv("NASTURTIUM_STORAGE_PASSWORD", password)
    encoded = encodings(password)[name]
    message = f"can't connect to postgresql://me:{encoded}@host/optuna"
    said = hidden(message)
    assert "***" in said
    assert said.startswith("can't connect to postgresql://me:")
    assert said.endswith("@host/optuna")
    # Of base64, what stands around it is left, and single characters with bits of both.
    left = said.removeprefix("can't connect to postgresql://me:").removesuffix("@host/optuna")
    assert len(left.replace("***", "")) <= (16 if "base64" in name else 0)
    assert encoded not in _Safe("%(message)s").format(record(message))


def test_without_a_password_nothing_is_hidden(monkeypatch):
    monkeypatch.delenv("NASTURTIUM_STORAGE_PASSWORD", raising=False)
    assert hidden("a text") == "a text"
