"""Start Snakemake with an executor for Slurm that looks for ended jobs every two seconds.

The executor waits ten seconds longer after every look that finds no ended job, which suits jobs of hours. The jobs of
these tests take seconds, so that most of the time would pass between a job's end and the look that finds it. No
option of the executor sets this step.
"""

from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

SECONDS = 2
Executor.next_seconds_between_status_checks = property(lambda executor: SECONDS, lambda executor, seconds: None)

if __name__ == "__main__":
    main()
