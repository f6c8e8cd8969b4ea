"""Bad input: one sentence names the key or file and the remedy, and nothing is half-written."""

import pytest

# No machine's network is asked, whatever it is: nothing listens on this port.
NO_NETWORK = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "ALL_PROXY")}


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"trainig": {"epochs": 1}}, "'trainig' is not known; did you mean 'training'?"),
        ({"datasets": ["mnits"]}, "'datasets.0' must be one of digits, diabetes, mnist"),
        ({"training": {"epochs": "many"}}, "'training.epochs' must be of type integer"),
        ({"pruning": {"ratios": [1.5]}}, "'pruning.ratios.0' must be less than 1, not 1.5."),
    ],
)
def test_a_wrong_configuration(project, config, sentence):
    project.configure(config)
    done = project.snakemake()
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert sentence in output
    assert "See config/README.md." in output or "did you mean" in output
    assert "Traceback" not in output
    assert not project.path("results").exists()


def failing_job(project, environment):
    project.configure({"datasets": ["mnist"]})
    done = project.snakemake("results/data/mnist/dataset.json", environment=environment)
    assert done.returncode != 0
    folder = project.path("results/data/mnist")
    assert not folder.exists() or list(folder.iterdir()) == []
    return done.stdout + done.stderr


def test_a_missing_source_file_without_network(project):
    output = failing_job(project, {**NO_NETWORK, "NASTURTIUM_DATA": str(project.path("empty"))})
    assert "train-images-idx3-ubyte.gz: is missing and could not be downloaded" in output
    assert "put the file there by hand" in output
    assert "Traceback" not in output


def test_a_source_file_with_a_wrong_checksum(project):
    project.path("given/mnist").mkdir(parents=True)
    project.path("given/mnist/train-images-idx3-ubyte.gz").write_bytes(b"not the file")
    output = failing_job(project, {**NO_NETWORK, "NASTURTIUM_DATA": str(project.path("given"))})
    assert "train-images-idx3-ubyte.gz: its sha256 is" in output
    assert "delete it so that it is downloaded again" in output
    assert "Traceback" not in output


def test_a_data_set_of_kaggle_s_without_a_token(project):
    project.configure({"datasets": ["sat6"]})
    # No home and no configuration of Kaggle's: no token, whoever runs the test.
    empty = str(project.path("empty"))
    nobody = {"HOME": empty, "KAGGLE_CONFIG_DIR": empty, "KAGGLE_USERNAME": "", "KAGGLE_KEY": ""}
    environment = {**NO_NETWORK, **nobody, "KAGGLE_API_TOKEN": "", "NASTURTIUM_DATA": empty}
    done = project.snakemake("results/data/sat6/dataset.json", environment=environment)
    assert done.returncode != 0
    assert "sat-6-full.mat: is missing" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_lists_of_numbers_on_the_command_line(project):
    planned = project.planned("--config", "seeds=[0,7]", "datasets=[digits]")
    assert planned["baseline"] == 2


def test_file_names_of_a_shell_s_are_names_and_nothing_else(project):
    own = {}
    for number, name in enumerate(["b; touch pwned 'q' $(touch pwned) \"z\".csv", "c*[1]?.csv"]):
        rows = "".join(f"{n},{n % 2}\n" for n in range(40))
        project.path(name).write_text(f"a,y\n{rows}")
        own[f"t{number}"] = {
            "format": "csv",
            "path": name,
            "target": "y",
            "task": "classification",
            "reference": {"mlp": [4]},
        }
    project.configure({"datasets": list(own), "own_datasets": own})
    done = project.snakemake(*(f"results/data/{name}/dataset.json" for name in own))
    assert done.returncode == 0, done.stdout + done.stderr
    assert not project.path("pwned").exists()


def test_the_shipped_configuration_is_read_with_a_sentence(project):
    project.path("config/config.yaml").write_text("datasets: [digits\n")
    done = project.snakemake("-n")
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "config/config.yaml: line 2: is no YAML" in output
    assert "Traceback" not in output


def test_a_key_that_comes_twice_is_not_taken_for_its_last_value(project):
    project.path("tiny.yaml").write_text("datasets: [digits]\ndatasets: [diabetes]\n")
    done = project.snakemake("-n")
    assert done.returncode != 0
    assert "tiny.yaml: line 2: has the key 'datasets' twice" in done.stdout + done.stderr


def test_too_few_steps_to_prune_in_are_found_before_the_first_job(project):
    project.path("a.csv").write_text("x,y\n" + "".join(f"{n},{n % 7}\n" for n in range(60)))
    own = {"format": "csv", "path": "a.csv", "target": "y", "task": "regression"}
    own["reference"] = {"mlp": [4]}
    project.configure(
        {"datasets": ["mine"], "own_datasets": {"mine": own}, "pruning": {"epochs": 4}}
    )
    done = project.snakemake("-n")
    assert done.returncode != 0
    assert "'mine' has at most 51 training samples" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
