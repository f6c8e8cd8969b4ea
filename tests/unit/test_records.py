"""Tables: strict rows, atomic files, provenance, described columns with units."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nasturtium
from nasturtium.errors import RecordError
from nasturtium.records.atomic import atomic_path
from nasturtium.records.compaction import COMPACTION
from nasturtium.records.energy import ENERGY, POWER
from nasturtium.records.metrics import METRICS, RATIOS, SUMMARY
from nasturtium.records.parquet import column, read_rows, write_table
from nasturtium.records.runs import Run, run_names
from nasturtium.records.training import TRAINING
from nasturtium.records.trials import TRIALS

SCHEMA = pa.schema(
    [column("name", pa.string(), "a name", required=True), column("size_j", pa.float64(), "joules")]
)
TABLES = [COMPACTION, ENERGY, METRICS, POWER, SUMMARY, TRAINING, TRIALS]


def test_what_is_written_is_read_and_says_where_it_comes_from(tmp_path):
    path = tmp_path / "deep" / "table.parquet"
    write_table(path, SCHEMA, [{"name": "a", "size_j": 1.5}, {"name": "b"}], code="abc")
    assert read_rows(path) == [{"name": "a", "size_j": 1.5}, {"name": "b", "size_j": None}]
    metadata = pq.read_schema(path).metadata
    assert metadata[b"code_digest"] == b"abc"
    assert metadata[b"package_version"] == nasturtium.__version__.encode()
    assert metadata[b"schema_version"]
    assert pq.read_schema(path).field("size_j").metadata[b"description"] == b"joules"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"name": "a", "sise_j": 1.0}, "unknown column 'sise_j'"),
        ({"size_j": 1.0}, "lacks the required column 'name'"),
        ({"name": "a", "size_j": float("nan")}, "write null and a reason"),
        ({"name": "a", "size_j": float("inf")}, "write null and a reason"),
        ({"name": "a", "size_j": "much"}, "does not fit its column"),
    ],
)
def test_a_bad_row_is_refused_and_nothing_is_written(tmp_path, row, said):
    path = tmp_path / "table.parquet"
    with pytest.raises(RecordError, match=said):
        write_table(path, SCHEMA, [row], code="abc")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")

    def write_half():
        with atomic_path(path) as temporary:
            assert temporary.suffix == ".keras"
            assert temporary.parent == tmp_path
            temporary.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("schema", TABLES)
def test_columns_are_described_and_start_with_the_run(schema):
    assert schema.names[:3] == ["dataset", "seed", "run"]
    assert len(set(schema.names)) == len(schema.names)
    for field in schema:
        assert field.metadata[b"description"], field.name


@pytest.mark.parametrize("schema", TABLES)
def test_no_measured_figure_is_required(schema):
    units = ("_j", "_w", "_ms")
    assert [f.name for f in schema if f.name.endswith(units) and not f.nullable] == []


def test_ratios_are_of_existing_columns():
    assert set(RATIOS) <= set(METRICS.names)


def test_names_of_runs_tell_stage_method_and_ratio():
    run = Run("mnist", 2, "nas_pruned/magnitude-0.50")
    assert (run.stage, run.method, run.ratio) == ("nas_pruned", "magnitude", 0.5)
    run = Run("mnist", 2, "nas_with_pruning")
    assert (run.stage, run.method, run.ratio) == ("nas_with_pruning", None, None)
    assert (Run("a", 0, "baseline_longer").stage, Run("a", 0, "scratch/channels-0.10").stage) == (
        "baseline_longer",
        "scratch",
    )
    controls = ["pruned/random", "baseline_longer", "scratch/channels", "pruned/channels"]
    assert run_names(["channels"], [0.1], controls) == [
        "baseline",
        "baseline_longer",
        "pruned/channels-0.10",
        "pruned/random-0.10",
        "scratch/channels-0.10",
        "nas",
        "nas_pruned/channels-0.10",
        "nas_with_pruning",
    ]
