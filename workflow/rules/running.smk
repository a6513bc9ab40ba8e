"""A run goes on where a killed one stopped, never beside another one in the same folder, and imports once for all."""

from snakemake.exceptions import WorkflowError

from satqkd.workflow import server
from satqkd.workflow.running import RunError, begin

if workflow.is_main_process:
    try:
        begin()
    except RunError as error:
        raise WorkflowError(str(error)) from None


onstart:
    # Jobs of a cluster run on machines of their own, and import for themselves.
    if workflow.is_main_process and workflow.local_exec:
        server.start()
