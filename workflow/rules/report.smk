# These take seconds, so they are not submitted to a cluster.
localrules:
    summary,
    figures,
    pages,


rule summary:
    input:
        metrics=plan.metrics,
        predictions=plan.predictions,
        trials=plan.trials,
        latencies=plan.latencies,
    output:
        table="results/summary.parquet",
        text="results/summary.md",
        answer="results/verdict.txt",
        verdicts=expand("results/{dataset}/verdict.md", dataset=config["datasets"]),
    log:
        "logs/summary.log",
    benchmark:
        "logs/benchmarks/summary.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    params:
        devices=plan.devices(),
        code=stage_code("summarise"),
    script:
        "../scripts/summarise.py"


rule figures:
    input:
        tables=plan.tables,
        summary=rules.summary.output.table,
    output:
        choice=report(
            "results/{dataset}/figures/choice.svg",
            caption="../report/choice.rst",
            category="{dataset}",
            subcategory="All stages",
            labels={"figure": "which net to take"},
        ),
        answers=report(
            "results/{dataset}/figures/answers.svg",
            caption="../report/answers.rst",
            category="{dataset}",
            subcategory="All stages",
            labels={"figure": "answers to the test samples"},
        ),
        tradeoff=report(
            "results/{dataset}/figures/tradeoff.svg",
            caption="../report/tradeoff.rst",
            category="{dataset}",
            subcategory="All stages",
            labels={"figure": "quality against cost"},
        ),
        pruning=report(
            "results/{dataset}/figures/pruning.svg",
            caption="../report/pruning.rst",
            category="{dataset}",
            subcategory="All stages",
            labels={"figure": "pruning curves"},
        ),
        learning_baseline=report(
            "results/{dataset}/figures/learning-baseline.svg",
            caption="../report/learning.rst",
            category="{dataset}",
            subcategory="baseline",
            labels={"figure": "learning curves"},
        ),
        learning_pruned=report(
            "results/{dataset}/figures/learning-pruned.svg",
            caption="../report/learning.rst",
            category="{dataset}",
            subcategory="pruned",
            labels={"figure": "learning curves"},
        ),
        learning_nas_pruned=report(
            "results/{dataset}/figures/learning-nas_pruned.svg",
            caption="../report/learning.rst",
            category="{dataset}",
            subcategory="nas_pruned",
            labels={"figure": "learning curves"},
        ),
        learning_search=report(
            "results/{dataset}/figures/learning-search.svg",
            caption="../report/learning-search.rst",
            category="{dataset}",
            subcategory="nas, nas_with_pruning",
            labels={"figure": "learning curves of trials"},
        ),
        search=report(
            "results/{dataset}/figures/search.svg",
            caption="../report/search.rst",
            category="{dataset}",
            subcategory="nas, nas_with_pruning",
            labels={"figure": "score and hypervolume"},
        ),
        trials=report(
            "results/{dataset}/figures/trials.svg",
            caption="../report/trials.rst",
            category="{dataset}",
            subcategory="nas, nas_with_pruning",
            labels={"figure": "trials in error and size"},
        ),
        importance=report(
            "results/{dataset}/figures/importance.svg",
            caption="../report/importance.rst",
            category="{dataset}",
            subcategory="nas, nas_with_pruning",
            labels={"figure": "which hyperparameter matters"},
        ),
        power=report(
            "results/{dataset}/figures/power.svg",
            caption="../report/power.rst",
            category="{dataset}",
            subcategory="Energy",
            labels={"figure": "power while training"},
        ),
    log:
        "logs/{dataset}/figures.log",
    benchmark:
        "logs/benchmarks/{dataset}/figures.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    params:
        code=stage_code("figures"),
    script:
        "../scripts/figures.py"


rule pages:
    input:
        summary=rules.summary.output.table,
        figures=expand(rules.figures.output, dataset=config["datasets"]),
        cards=expand(rules.prepare_data.output.card, dataset=config["datasets"]),
        splits=expand(
            rules.split_data.output.card,
            dataset=config["datasets"],
            seed=config["seeds"],
        ),
        # Not a module, so it is not in the digest of the code.
        template=str(ROOT / "nasturtium/report/page.html"),
    output:
        index="results/index.html",
        front="results/report/front.html",
        summary=report(
            "results/report/summary.html",
            caption="../report/summary.rst",
            category="All data sets",
            labels={"table": "summary of every run"},
        ),
        data=report(
            "results/report/data.html",
            caption="../report/data.rst",
            category="All data sets",
            labels={"table": "data, splits and warnings"},
        ),
        cost=report(
            "results/report/cost.html",
            caption="../report/cost.rst",
            category="All data sets",
            labels={"table": "what did it cost"},
        ),
        about=report(
            "results/report/about.html",
            caption="../report/about.rst",
            category="All data sets",
            labels={"table": "configuration, versions, machine"},
        ),
    log:
        "logs/pages.log",
    benchmark:
        "logs/benchmarks/pages.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    params:
        config=config,
        code=stage_code("pages"),
    script:
        "../scripts/pages.py"
