"""envs/nasturtium.yaml holds the same versions as uv.lock."""

import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def locked_requirements() -> list[str]:
    """``name==version`` of each direct dependency, as locked for the file's Python 3.11."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    project = next(package for package in lock if package["name"] == "nasturtium")
    requirements = []
    for dependency in project["dependencies"]:
        if ">=" in dependency.get("marker", ""):
            continue  # a version for newer Pythons only
        versions = [p["version"] for p in lock if p["name"] == dependency["name"]]
        version = dependency.get("version", versions[0])
        requirements.append(f"{dependency['name']}=={version}")
    return requirements


def test_the_conda_environment_is_in_step_with_the_lock():
    environment = yaml.safe_load((ROOT / "envs/nasturtium.yaml").read_text())
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert pip == locked_requirements(), "write this list under pip: in envs/nasturtium.yaml"
    assert "python=3.11" in environment["dependencies"]
