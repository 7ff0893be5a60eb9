"""What a small GET can reach at best while each read is on record before it is answered.

A Flask application of a few lines in the gunicorn that serves MyMONIT, straight, with 16 requests under way: a route
that returns a constant, one that asks the database for a user, and one that writes a row of the audit as well. Ratios
are those of the rates to the constant's; MyMONIT's own constant and its GET /users/me stand beside them. Needs a stack
of one's own, as read.py does, and leaves rows of the verb `bench` in its audit:

    eval "$(./run.sh env)"; set -a; . ./.env; set +a; .local/venv/bin/python containers/app/bench/read_bound.py
"""

import multiprocessing
import os
import socket
import statistics
import threading
import time

import click
import requests
from flask import Flask
from read import Api

from my_monit.rest.listener import RestListener
from my_monit.settings import RestConfiguration, StorageConfiguration
from my_monit.storage.connector import open_connection

START_SECS, POLL_SECS = 30, 0.1
CONSTANT = "bare: a constant"
WHO = "SELECT user_id, name, username, email FROM USERS WHERE user_id = 'S001'"
RECORD = "INSERT INTO AUDIT (actor, verb, object, outcome, trace_id) VALUES ('S001', 'bench', '-', 'success', %s)"


def bare() -> Flask:
    """Without authentication, schemas or log."""
    app = Flask("bare")
    own = threading.local()
    storage = StorageConfiguration()

    def ask(*statements: tuple[str, tuple[str, ...]]) -> dict[str, str]:
        if not hasattr(own, "connection"):
            own.connection = open_connection(
                storage, user=storage.user, password=storage.password.get_secret_value(), database=storage.database
            )
            own.cursor = own.connection.cursor()
        own.cursor.execute(WHO)
        user = dict(zip(("user_id", "name", "username", "email"), own.cursor.fetchone()))
        for sql, parameters in statements:
            own.cursor.execute(sql, parameters)
        own.connection.commit()
        return user

    app.add_url_rule("/constant", "constant", lambda: {"status": "pass"})
    app.add_url_rule("/asked", "asked", lambda: ask())
    app.add_url_rule("/recorded", "recorded", lambda: ask((RECORD, ("0" * 32,))))
    return app


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def wait_for(url: str) -> None:
    deadline = time.monotonic() + START_SECS
    while True:
        try:
            requests.get(url, timeout=1).raise_for_status()
            return
        except requests.RequestException:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECS)


@click.command()
@click.option("--runs", default=5, show_default=True, help="Interleaved runs of each.")
def main(runs: int) -> None:
    port = free_port()
    server = multiprocessing.Process(target=RestListener(RestConfiguration(port=port), bare).run)
    server.start()
    try:
        alone, ours = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{os.environ['REST_PORT']}"
        wait_for(f"{alone}/recorded")
        api = Api(1)
        jobs = {title: api.under_load(url) for title, url in {
            CONSTANT: f"{alone}/constant",
            "bare: asks who calls": f"{alone}/asked",
            "bare: asks who calls, and puts it on record": f"{alone}/recorded",
            "MyMONIT: GET /health/live": f"{ours}/health/live",
            "MyMONIT: GET /users/me": f"{ours}/users/me",
        }.items()}
        seconds = [{title: job() for title, job in jobs.items()} for _ in range(runs)]
    finally:
        server.terminate()
        server.join()
    for title in jobs:
        ratios = sorted(run[CONSTANT] / run[title] for run in seconds)
        middle, rate = statistics.median(ratios), 1 / statistics.median(run[title] for run in seconds)
        click.echo(f"| {title} | **{middle:.2f}** ({ratios[0]:.2f}–{ratios[-1]:.2f}) | {rate:.0f}/s |")


if __name__ == "__main__":
    main()  # pylint: disable=no-value-for-parameter
