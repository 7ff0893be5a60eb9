"""`mymonit listen` with a parser that ends the process, as a fault of a C extension does, when it meets a certain word.

A launcher of its own, so that nothing of this is in the product.
"""

import os
import sys

from my_monit import cli, parsing
from my_monit.services import ingestion

#: In a message's body.
MARK = b"crash-the-parser"
#: As a shell tells a segmentation fault.
STATUS = 139

_parse = parsing.parse


def _crashing(body, **options):
    if MARK in bytes(body):
        os._exit(STATUS)
    return _parse(body, **options)


if __name__ == "__main__":
    ingestion.parse = _crashing
    sys.argv[1:] = ["listen"]
    cli.main()
