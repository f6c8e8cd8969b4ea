# Checks the shipped configuration and those of the command line before the first is read. Snakemake
# has already read the others; `make study` checks them before it starts.
import os

from snakemake.exceptions import WorkflowError

from nasturtium.errors import NasturtiumError
from nasturtium.settings.check import check_file


def check_configuration_files():
    """End the command with one sentence where one repeats a key, or can't be read."""
    given = [path for path in workflow.overwrite_configfiles if os.path.isfile(path)]
    try:
        for path in (f"{workflow.basedir}/config/config.yaml", *given):
            check_file(path)
    except NasturtiumError as error:
        raise WorkflowError(str(error)) from None


if workflow.is_main_process:
    check_configuration_files()
