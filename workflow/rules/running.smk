"""A run goes on where a killed one stopped, and never beside another one in the same folder."""

from snakemake.exceptions import WorkflowError

from satqkd.running import RunError, begin

if workflow.is_main_process:
    try:
        begin()
    except RunError as error:
        raise WorkflowError(str(error)) from None
