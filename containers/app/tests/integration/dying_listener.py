"""The command `mymonit` with a parser that some bodies kill: as a fault in C code, or the lack of memory, would."""

import os
from typing import Any

from my_monit.services import ingestion

#: What is in the body of a message that ends the process which parses it.
MARK = b"kill the process"


def parse(body: bytes, **options: Any) -> Any:
    if MARK in body:
        os._exit(137)
    return _parse(body, **options)


if __name__ == "__main__":
    _parse, ingestion.parse = ingestion.parse, parse

    from my_monit.cli import main

    main()
