"""How fast measures are read: the goals of reading, as ratios to what else could be done on the same machine.

Needs a database of its own (`eval "$(./run-infra.sh --native)"`), the `mariadb` client, curl, nginx and openssl. It
starts the API behind nginx with TLS, as the stack does. What is compared is run alternately; a ratio is the median of
the paired ratios with its middle half. --influx compares with InfluxDB 1.x, fetched with apt-get download.
"""

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import click
from pydantic import SecretStr

from my_monit import settings
from my_monit.identity.keys import read_or_make_key
from my_monit.identity.local import LocalIdentity
from my_monit.model import Role, User
from my_monit.storage.connector import Session, StorageConnector, open_connection
from my_monit.storage.migrations import migrate
from my_monit.storage.storage import Storage
