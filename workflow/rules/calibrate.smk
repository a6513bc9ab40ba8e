"""The joint calibration, only when it is asked for: the workflow uses the draws in data/calibration."""

CALIBRATION = "results/calibration"


rule calibrate:
    """Posterior of the parameters that no paper gives, with its figures."""
    input:
        notebook="notebooks/calibrate.ipynb",
        posterior=f"{CALIBRATION}/posterior.nc",
        diagnostics=f"{CALIBRATION}/diagnostics.csv",
    output:
        notebook=f"{CALIBRATION}/calibrate.ipynb",
        figures=expand(
            f"{CALIBRATION}/figures/{{name}}.{{suffix}}",
            name=[
                "targets",
                "corner_yin2017_yin2020",
                "corner_liao2017",
                "corner_tiangong2",
            ],
            suffix=["svg", "png"],
        ),
    log:
        f"{CALIBRATION}/logs/calibrate.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=digest_of("notebooks/calibrate.ipynb"),
    shell:
        "python workflow/scripts/notebook.py {input.notebook} {output.notebook} --log {log}"
        "    -p posterior {input.posterior}"
        "    -p diagnostics {input.diagnostics}"
        "    -p figures $(dirname {output.figures[0]})"


rule posterior:
    """Samples of all four experiments together."""
    input:
        calibration="data/scenarios/calibration.yaml",
        scenarios=lambda wildcards: calibrated_files("scenarios"),
        references=lambda wildcards: calibrated_files("reference"),
    output:
        posterior=f"{CALIBRATION}/posterior.nc",
        diagnostics=f"{CALIBRATION}/diagnostics.csv",
        draws=f"{CALIBRATION}/draws.csv",
    log:
        f"{CALIBRATION}/logs/posterior.log",
    benchmark:
        f"{CALIBRATION}/benchmarks/posterior.tsv"
    conda:
        "../../environment.yml"
    threads: 3
    resources:
        mem_mb=1500,
        runtime=30,
    params:
        code=digest_of("satqkd.calibration.run"),
        seed=SEED,
    shell:
        "python -m satqkd.calibration.run $(dirname {output.posterior}) --seed {params.seed}"
        "    --processes {threads} > {log} 2>&1"
