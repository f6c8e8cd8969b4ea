"""The Keras settings of the user have no effect here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ASKED = """
import nasturtium, tf_keras
b = tf_keras.backend
print(b.floatx(), b.image_data_format(), b.epsilon())
"""


@pytest.mark.parametrize(
    ("settings", "variables"),
    [
        ({"floatx": "float16", "image_data_format": "channels_first", "epsilon": 0.1}, {}),
        ({}, {"KERAS_BACKEND": "torch"}),
        ({"backend": "jax", "floatx": "float64"}, {"KERAS_BACKEND": "jax"}),
    ],
)
def test_the_user_s_keras_settings_do_not_leak_in(tmp_path, settings, variables):
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras/keras.json").write_text(json.dumps(settings))
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("KERAS", "TF_"))}
    done = subprocess.run(
        [sys.executable, "-c", ASKED],
        cwd=ROOT,
        env={**kept, **variables, "HOME": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["float32", "channels_last", "1e-07"]


def test_the_variable_for_another_backend_is_overwritten(tmp_path):
    asked = "import nasturtium, os; print(os.environ['KERAS_BACKEND'])"
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == "tensorflow"
