"""Allow one run at a time in a folder, clean up after others, and start the server that runs the notebooks."""

from snakemake.exceptions import WorkflowError

from satqkd.workflow import server
from satqkd.workflow.running import RunError, begin, remove_cut_bytecode

if workflow.is_main_process:
    try:
        begin()
    except RunError as error:
        raise WorkflowError(str(error)) from None


onstart:
    # Jobs of a cluster run on other machines, where the server cannot be reached.
    if workflow.is_main_process and workflow.local_exec:
        server.start()


onerror:
    if workflow.is_main_process:
        remove_cut_bytecode()
