"""An unreadable configuration file gives one sentence, within bounded memory and time."""

import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nasturtium.errors import ConfigError
from nasturtium.settings.check import check_file

ROOT = Path(__file__).parents[2]


def laughs(levels, each=9):
    """Lists of lists by alias: ``each`` to the power of ``levels`` values."""
    lines = [f"l0: &l0 [{', '.join(['x'] * each)}]"]
    for level in range(1, levels):
        lines.append(f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * each)}]")
    return "\n".join(lines)


BROKEN = {
    "open bracket": ("datasets: [digits\nseeds: [0]\n", "line 2: is no YAML .*check indentation"),
    "tab": ("split:\n\ttest: 0.2\n", "line 2: .*write blanks instead of tabs"),
    "indentation": ("split:\n    test: 0.2\n  validation: 0.1\n", "line 3: is no YAML"),
    "open quote": ("path: 'a.csv\n", "is no YAML .*quotes"),
    "key twice": ("seeds: [0]\nsplit: {test: 0.2}\nseeds: [1]\n", "line 3: has .*'seeds' twice"),
    "key twice inside": ("split:\n  test: 0.2\n  test: 0.1\n", "line 3: has the key 'test' twice"),
    "key twice in JSON": ('{"seeds": [0], "seeds": [1]}', "has the key 'seeds' twice"),
    "empty": ("# nothing\n", "is empty; write keys"),
    "list": ("- digits\n", "contains a list; write keys"),
    "text": ("digits", "contains a str; write keys"),
    "no UTF-8": (b"unit: \xb5m\n", "is not UTF-8; save it as text in UTF-8"),
    "control character": ("a: \x07\n", "is no YAML .*write plain text"),
    "tag": ("a: !!python/name:os.system\n", "line 1: has the tag .*remove it"),
    "two documents": ("a: 1\n---\nb: 2\n", "is no YAML .*single document"),
    "no such alias": ("a: *b\n", "undefined alias"),
    "alias in itself": ("a: &a\n  b: [1, *a]\n", "alias \\*a is part of the section"),
    "month 13": ("a: 2024-13-01\n", "has a value that can't be read"),
    "long number": (f"a: {'7' * 5000}\n", "has a value that can't be read"),
    "laughs": (laughs(12), "expands to more than 100,000 values"),
    "laughs by merging": (
        "\n".join(["m0: &m0 {a: [1, 2, 3]}"] + [
            f"m{n}: &m{n} {{x: *m{n - 1}, y: *m{n - 1}}}" for n in range(1, 40)
        ]),
        "expands to more than 100,000 values",
    ),
    "wide": (f"a: [{','.join('1' * 400_000)}]", "expands to more than 100,000 values"),
    "many keys": ("\n".join(f"k{n}: 1" for n in range(90_000)), "more than 100,000 values"),
    "deep": ("a: " + "[" * 90_000, "more than 50 levels"),
    "deep in JSON": ('{"a":' * 90_000, "more than 50 levels"),
    "deep lists": ("- " * 90_000 + "x", "more than 50 levels"),
    "large": ("a: 1 #" + "x" * 2**20, "more than 1,048,576 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_one_sentence(tmp_path, kind):
    content, said = BROKEN[kind]
    path = tmp_path / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    began_s = time.process_time()
    with pytest.raises(ConfigError) as raised:
        check_file(path)
    assert time.process_time() - began_s < 10
    sentence = str(raised.value)
    assert sentence.startswith(f"{path}: ")
    assert re.search(said, sentence)
    assert len(sentence) < len(str(path)) + 260
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "content",
    [
        "datasets: [digits]\r\nseeds: [0]\r\n",
        "\ufeffdatasets: [digits]\n",
        "base: &base {a: 1}\nb: {<<: *base, c: 2}\nd: {<<: *base, <<: {e: 1}}\n",
        '{"datasets": ["digits"],\n\t"seeds": [0]}',
        laughs(5),
        "a: !!str 1\n",
    ],
)
def test_a_sound_file_is_left_alone(tmp_path, content):
    path = tmp_path / "mine.yaml"
    path.write_text(content, encoding="utf-8")
    check_file(path)


def test_shipped_configurations_are_sound():
    for path in (ROOT / "config").glob("*.yaml"):
        check_file(path)


def test_what_is_no_file_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"mine\.yaml: there is no such file"):
        check_file(tmp_path / "mine.yaml")
    with pytest.raises(ConfigError, match="is no file"):
        check_file(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="is no file"):
        check_file(tmp_path / "pipe")


def test_the_command_takes_little_for_much(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(laughs(3000), encoding="utf-8")
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "nasturtium.settings.check", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29)),
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "more than 100,000 values" in done.stderr
    assert time.monotonic() - began_s < 20


def test_make_looks_at_the_file_first(tmp_path):
    # Without what `make` sets up.
    for name in ("Makefile", "nasturtium"):
        (tmp_path / name).symlink_to(ROOT / name)
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python").symlink_to(sys.executable)
    (binaries / "snakemake").write_text("#!/bin/sh\necho began\n", encoding="utf-8")
    (binaries / "snakemake").chmod(0o755)
    (tmp_path / "broken.yaml").write_text("a: [\n", encoding="utf-8")
    (tmp_path / "sound.yaml").write_text("a: 1\n", encoding="utf-8")

    def make(config):
        return subprocess.run(
            ["make", "study", f"CONFIG={config}", "-o", ".venv/.synced"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )

    (binaries.parent / ".synced").touch()
    broken = make("broken.yaml")
    assert broken.returncode != 0
    assert "broken.yaml: line 2: is no YAML" in broken.stderr
    assert "began" not in broken.stdout
    assert "Traceback" not in broken.stderr
    assert "lacking.yaml: there is no such file" in make("lacking.yaml").stderr
    assert "began" in make("sound.yaml").stdout
