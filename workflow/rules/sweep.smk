"""Sweeps: `snakemake sweep --config sweep=example`; data/sweeps/example.yaml says which keys take which values."""

from snakemake.utils import Paramspace

from satqkd.sweep.sweepfile import load_sweep

# Checked before any work starts, like the scenarios.
try:
    SWEEP = load_sweep(f"data/sweeps/{config['sweep']}.yaml")
except ScenarioError as error:
    raise WorkflowError(str(error)) from None
SWEEP_FOLDER = f"results/sweep/{SWEEP.name}"
# Starting a job takes as long as a hundred points of the analytic chain, so a job computes a block of them. An event
# simulation has a job of its own.
BLOCKS = Paramspace(SWEEP.blocks(), filename_params="*")
EVENTS = Paramspace(SWEEP.events(), filename_params=["replicate"])


rule sweep:
    """All points of a sweep in one data set, and their figure."""
    input:
        files=[str(file) for file in SWEEP.files],
        blocks=expand(
            f"{SWEEP_FOLDER}/blocks/{{block}}.nc", block=BLOCKS.instance_patterns
        ),
        events=expand(
            f"{SWEEP_FOLDER}/events/{{event}}.json", event=EVENTS.instance_patterns
        ),
    output:
        data=f"{SWEEP_FOLDER}/sweep.nc",
        svg=report(
            f"{SWEEP_FOLDER}/sweep.svg",
            caption="../report/sweep.rst",
            category="sweep",
            labels={"figure": SWEEP.name},
        ),
        png=f"{SWEEP_FOLDER}/sweep.png",
    log:
        f"{SWEEP_FOLDER}/logs/sweep.log",
    benchmark:
        f"{SWEEP_FOLDER}/benchmarks/sweep.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=digest_of("satqkd.sweep.grid"),
        sweep=SWEEP.path,
    shell:
        "python -m satqkd.sweep.grid {params.sweep} gather --output {output.data}"
        "    --blocks {input.blocks} --events {input.events} > {log} 2>&1"


rule sweep_block:
    """Some of the points by the analytic chain."""
    input:
        files=[str(file) for file in SWEEP.files],
    output:
        temp(f"{SWEEP_FOLDER}/blocks/{BLOCKS.wildcard_pattern}.nc"),
    log:
        f"{SWEEP_FOLDER}/logs/blocks/{BLOCKS.wildcard_pattern}.log",
    benchmark:
        f"{SWEEP_FOLDER}/benchmarks/blocks/{BLOCKS.wildcard_pattern}.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=digest_of("satqkd.sweep.grid"),
        sweep=SWEEP.path,
        block=BLOCKS.instance,
    shell:
        "python -m satqkd.sweep.grid {params.sweep} block --output {output}"
        "    --first {params.block[first]} --last {params.block[last]} > {log} 2>&1"


rule sweep_event:
    """One simulation of one point."""
    input:
        files=[str(file) for file in SWEEP.files],
    output:
        f"{SWEEP_FOLDER}/events/{EVENTS.wildcard_pattern}.json",
    log:
        f"{SWEEP_FOLDER}/logs/events/{EVENTS.wildcard_pattern}.log",
    benchmark:
        f"{SWEEP_FOLDER}/benchmarks/events/{EVENTS.wildcard_pattern}.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        code=digest_of("satqkd.sweep.grid"),
        sweep=SWEEP.path,
        seed=SEED,
        point=lambda wildcards: [
            f"{name}={value}"
            for name, value in EVENTS.instance(wildcards).items()
            if name != "replicate"
        ],
        replicate=lambda wildcards: wildcards.replicate,
    shell:
        "python -m satqkd.sweep.grid {params.sweep} event --output {output}"
        "    --point {params.point:q} --replicate {params.replicate} --seed {params.seed} > {log} 2>&1"
