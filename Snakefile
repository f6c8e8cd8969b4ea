# Nasturtium: what pruning and architecture search do to small neural networks, measured.
#   snakemake --cores 1 --resources gpu=1                              the whole study
#   snakemake --cores 1 --resources gpu=1 results/.../metrics.parquet  one file of it
from snakemake.utils import min_version

min_version("9.20")


include: "workflow/rules/config_file.smk"


# From the workflow's folder, so that --directory finds it from anywhere.
configfile: f"{workflow.basedir}/config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/workers.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/baseline.smk"
include: "workflow/rules/prune.smk"
include: "workflow/rules/controls.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/quantise.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/deploy.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/hooks.smk"


rule all:
    default_target: True
    input:
        rules.summary.output,
        expand(rules.figures.output, dataset=config["datasets"]),
        rules.pages.output,
