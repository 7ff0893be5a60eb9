"""File descriptors: a process that has none left cannot reach anything, and would wait for ever for what is there."""

import os

from my_monit.errors import ConfigurationError


def demand_descriptors() -> None:
    """Raises ConfigurationError when not one is left: then the process must end, and be started anew."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        raise ConfigurationError("the process has no file descriptors left: raise its limit (ulimit -n)") from error
