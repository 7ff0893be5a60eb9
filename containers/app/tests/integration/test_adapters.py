"""Accounts of instruments at the real broker: each publishes for its experiments, and does nothing else."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel as Channel
from pika.exceptions import AMQPError, ProbableAuthenticationError
from pydantic import SecretStr

from my_monit.errors import ConfigurationError, Conflict, Invalid, NotFound
from my_monit.messaging.management import Management
from my_monit.messaging.topology import parking_queue
from my_monit.model import CONSOLE, PublisherAccount, QuarantineSelection, Reason
from my_monit.services.adapters import AdapterService
from my_monit.settings import RabbitAdministration, RabbitConfiguration
from my_monit.wiring import Container
from tests.conftest import Eventually
from tests.integration.console import Mymonit
from tests.integration.lane import Lane, body_of, reading
from tests.integration.publisher import Account, Publisher
from tests.integration.refusals import refusal

OWN, OTHER = "device-vibrations", "black-holes"
VIBROMETER = "vibrometer_1"
#: A message whose values betray it wherever it ends up.
STOLEN = body_of(experiment=OTHER, value=666)


@pytest.fixture(name="adapters")
def service(listening_container: Container, management: Management) -> Iterator[AdapterService]:
    yield listening_container.adapter_service()
    for name in (VIBROMETER, "second"):
        try:
            management.delete("users", name)
        except ConfigurationError:
            pass  # it was never made


@pytest.fixture(name="vibrometer")
def account(adapters: AdapterService) -> Account:
    return Account(VIBROMETER, adapters.add(CONSOLE, VIBROMETER, [OWN]))


def publish(body: bytes, key: str, *, exchange: str = "mymonit", **properties: Any) -> Callable[[Channel], None]:
    return lambda channel: channel.basic_publish(
        exchange, key, body, pika.BasicProperties(delivery_mode=2, **properties), mandatory=True
    )


def test_an_adapter_publishes_for_its_experiment(
    lane: Lane, rabbit_configuration: RabbitConfiguration, vibrometer: Account
) -> None:
    own = publish(body_of(), f"measures.{OWN}", user_id=vibrometer.user)

    assert refusal(rabbit_configuration, vibrometer, own) is None

    lane.settle()
    assert [(one.experiment, one.publisher) for one in lane.stored()] == [(OWN, VIBROMETER)]


ARRAY = json.dumps([reading(), reading(experiment=OTHER, value=666), reading(experiment=OTHER, value=667)]).encode()
FORGED_DEATH = [{
    "queue": "measures", "reason": "delivery_limit", "exchange": "mymonit", "count": 1,
    "routing-keys": [f"measures.{OTHER}"],
}]
ATTACKS: dict[str, tuple[int | None, Callable[[Channel], Any]]] = {
    "the other's key": (403, publish(STOLEN, f"measures.{OTHER}")),
    "the key for all": (403, publish(STOLEN, "measures")),
    "a longer key": (403, publish(STOLEN, f"measures.{OWN}.{OTHER}")),
    "a key in upper case": (403, publish(STOLEN, f"MEASURES.{OTHER}")),
    "a pattern": (403, publish(STOLEN, "measures.*")),
    "a pattern for all": (403, publish(STOLEN, "#")),
    "no key": (403, publish(STOLEN, "")),
    "a key with a line end": (403, publish(STOLEN, f"measures.{OWN}\n")),
    "a key with two lines": (403, publish(STOLEN, f"measures.{OTHER}\nmeasures.{OWN}")),
    "its own key": (None, publish(STOLEN, f"measures.{OWN}")),
    "an array": (None, publish(ARRAY, f"measures.{OWN}")),
    "an array under an id": (None, publish(ARRAY, f"measures.{OWN}", message_id="1")),
    "a key twice": (None, publish(STOLEN[:-1] + f', "experiment": "{OWN}"}}'.encode(), f"measures.{OWN}")),
    "a name in upper case": (None, publish(body_of(experiment=OTHER.upper()), f"measures.{OWN}")),
    "a name with a blank": (None, publish(body_of(experiment=f"{OTHER} "), f"measures.{OWN}")),
    "a carbon copy": (None, publish(STOLEN, f"measures.{OWN}", headers={"CC": [f"measures.{OTHER}"]})),
    "a carbon copy for all": (None, publish(STOLEN, f"measures.{OWN}", headers={"CC": ["measures"]})),
    "a blind copy": (None, publish(STOLEN, f"measures.{OWN}", headers={"BCC": [f"measures.{OTHER}", "measures"]})),
    "a copy to the queue": (None, publish(STOLEN, f"measures.{OWN}", headers={"CC": ["measures", "measures.parked"]})),
    "a forged death": (None, publish(STOLEN, f"measures.{OWN}", headers={"x-death": FORGED_DEATH})),
    "a copy that expires": (
        None, publish(STOLEN, f"measures.{OWN}", expiration="0", headers={"CC": [f"measures.{OTHER}"]}),
    ),
    "a death that expires": (
        None, publish(STOLEN, f"measures.{OWN}", expiration="0", headers={"x-death": FORGED_DEATH}),
    ),
    "an answer": (None, publish(STOLEN, f"measures.{OWN}", reply_to=f"measures.{OTHER}", correlation_id="1")),
    "the listener's name": (406, publish(STOLEN, f"measures.{OWN}", user_id="mymonit")),
    "the default exchange": (403, publish(STOLEN, "measures", exchange="")),
    "the parking queue": (403, publish(STOLEN, "measures.parked", exchange="")),
    "the parking exchange": (403, publish(STOLEN, f"measures.{OTHER}", exchange="measures.parked")),
    "amq.topic": (403, publish(STOLEN, f"measures.{OTHER}", exchange="amq.topic")),
    "amq.fanout": (403, publish(STOLEN, f"measures.{OTHER}", exchange="amq.fanout")),
    "direct reply": (
        403, publish(STOLEN, "amq.rabbitmq.reply-to.g1h2AA5yZXBseUAxMjM0NTY3OA==", exchange="")
    ),
    "a queue of its own": (403, lambda channel: channel.queue_declare("mine")),
    "a nameless queue": (403, lambda channel: channel.queue_declare("", exclusive=True)),
    "a binding": (403, lambda channel: channel.queue_bind("measures", "amq.topic", "#")),
    "an exchange": (403, lambda channel: channel.exchange_declare("mine", arguments={"alternate-exchange": "mymonit"})),
    "a bound exchange": (403, lambda channel: channel.exchange_bind("mymonit", "amq.topic", "#")),
    "reading": (403, lambda channel: channel.basic_get("measures")),
    "purging": (403, lambda channel: channel.queue_purge("measures")),
    "deleting": (403, lambda channel: channel.exchange_delete("mymonit")),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_message_of_an_adapter_gets_a_measure_into_another_experiment(
    listening_container: Container, lane: Lane, rabbit_configuration: RabbitConfiguration, vibrometer: Account,
    attack: str,
) -> None:
    code, action = ATTACKS[attack]

    assert refusal(rabbit_configuration, vibrometer, action) == code

    lane.settle()
    assert {one.experiment for one in lane.stored()} <= {OWN}
    replaying = listening_container.quarantine_service()
    for selection in (QuarantineSelection(), QuarantineSelection(reason=Reason.ID_CONFLICT)):
        list(replaying.replay(CONSOLE, selection))
    assert {one.experiment for one in lane.stored()} <= {OWN}


def test_an_adapter_is_nobody_at_the_management_api(
    rabbit_configuration: RabbitConfiguration, vibrometer: Account
) -> None:
    administration = RabbitAdministration().model_copy(
        update={"admin_user": vibrometer.user, "admin_password": SecretStr(vibrometer.password)}
    )
    for act in (lambda api: api.get("users"), lambda api: api.put({}, "vhosts", rabbit_configuration.vhost)):
        with pytest.raises(ConfigurationError, match="RABBIT_ADMIN_USER or RABBIT_ADMIN_PASSWORD"):
            act(Management(administration))


def test_an_adapter_of_two_experiments_uses_both_keys_and_each_for_itself(
    lane: Lane, rabbit_configuration: RabbitConfiguration, adapters: AdapterService
) -> None:
    account = Account(VIBROMETER, adapters.add(CONSOLE, VIBROMETER, [OWN, OTHER]))
    for experiment, key in ((OWN, OWN), (OTHER, OTHER), (OTHER, OWN)):
        message = publish(body_of(experiment=experiment), f"measures.{key}")
        assert refusal(rabbit_configuration, account, message) is None

    lane.settle()
    assert sorted(one.experiment for one in lane.stored()) == [OTHER, OWN]
    assert [one.reason for one in lane.refused()] == ["forbidden"]


def test_a_renamed_experiment_is_published_for_under_each_of_its_names(
    listening_container: Container, lane: Lane, rabbit_configuration: RabbitConfiguration, adapters: AdapterService
) -> None:
    with listening_container.storage().unit() as unit:
        unit.experiments.rename(unit.experiments.add("first-name").experiment_id, "second-name")
    account = Account(VIBROMETER, adapters.add(CONSOLE, VIBROMETER, ["second-name"]))
    with listening_container.storage().unit() as unit:
        unit.experiments.rename(unit.experiments.ids_by_name(["first-name"])["first-name"], "third-name")
    third = publish(body_of(experiment="first-name"), "measures.third-name")
    assert refusal(rabbit_configuration, account, third) == 403

    adapters.resume(CONSOLE, VIBROMETER)

    assert refusal(rabbit_configuration, account, third) is None
    old = publish(body_of(experiment="third-name"), "measures.first-name")
    assert refusal(rabbit_configuration, account, old) is None
    lane.settle()
    assert [one.experiment for one in lane.stored()] == ["third-name"] * 2
    assert listed(adapters) == (VIBROMETER, ("first-name", "second-name", "third-name"), False, True)


def listed(adapters: AdapterService, name: str = VIBROMETER) -> PublisherAccount:
    [one] = [one for one in adapters.accounts(CONSOLE) if one.name == name]
    return one


def test_accounts_that_may_publish_are_listed_and_no_others(
    rabbit_configuration: RabbitConfiguration, adapters: AdapterService, adapter: Account, vibrometer: Account
) -> None:
    accounts = {one.name: one for one in adapters.accounts(CONSOLE)}

    assert accounts[vibrometer.user] == (VIBROMETER, (OWN,), False, True)
    assert accounts[adapter.user] == (adapter.user, None, False, True)
    assert not accounts.keys() & {rabbit_configuration.user, RabbitAdministration().admin_user}


def test_a_suspended_adapter_is_cut_off_until_it_is_resumed(
    lane: Lane, rabbit_configuration: RabbitConfiguration, adapters: AdapterService, vibrometer: Account,
    eventually: Eventually,
) -> None:
    publisher = Publisher(rabbit_configuration, vibrometer)
    publisher(body_of(), key=f"measures.{OWN}")
    adapters.suspend(CONSOLE, VIBROMETER)

    def is_cut_off() -> bool:
        try:
            publisher(body_of(), key=f"measures.{OWN}")
        except AMQPError:
            return True
        return False

    eventually(is_cut_off, within=5)
    own = publish(body_of(), f"measures.{OWN}")
    assert refusal(rabbit_configuration, vibrometer, own) == 403
    assert listed(adapters) == (VIBROMETER, (OWN,), True, True)

    adapters.resume(CONSOLE, VIBROMETER)
    assert refusal(rabbit_configuration, vibrometer, own) is None
    assert refusal(rabbit_configuration, vibrometer, publish(STOLEN, f"measures.{OTHER}")) == 403
    lane.settle()  # lest it is stored during the next test


def test_a_password_is_good_until_it_is_rotated(
    lane: Lane, rabbit_configuration: RabbitConfiguration, adapters: AdapterService, vibrometer: Account
) -> None:
    publisher = Publisher(rabbit_configuration, vibrometer)
    changed = Account(VIBROMETER, adapters.rotate(CONSOLE, VIBROMETER))

    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", changed.password) and changed.password != vibrometer.password
    with pytest.raises(AMQPError):
        publisher(body_of(), key=f"measures.{OWN}")
    with pytest.raises(ProbableAuthenticationError):
        Publisher(rabbit_configuration, vibrometer)
    assert refusal(rabbit_configuration, changed, publish(body_of(), f"measures.{OWN}")) is None
    lane.settle()


def test_a_removed_adapter_is_gone(
    rabbit_configuration: RabbitConfiguration, adapters: AdapterService, vibrometer: Account
) -> None:
    adapters.remove(CONSOLE, VIBROMETER)

    with pytest.raises(ProbableAuthenticationError):
        Publisher(rabbit_configuration, vibrometer)
    with pytest.raises(NotFound):
        adapters.suspend(CONSOLE, VIBROMETER)


@pytest.mark.parametrize("name", ["", "-x", "x" * 65, "a.b", "a b", "é", "measures", "a@example.org", "a\n"])
def test_a_name_that_an_adapter_cannot_bear_is_refused(adapters: AdapterService, name: str) -> None:
    with pytest.raises(Invalid, match="name: "):
        adapters.add(CONSOLE, name, [OWN])


def test_an_unknown_experiment_is_named(adapters: AdapterService) -> None:
    with pytest.raises(Invalid, match="experiment: there is no experiment nowhere"):
        adapters.add(CONSOLE, VIBROMETER, [OWN, "nowhere"])
    with pytest.raises(NotFound):
        adapters.suspend(CONSOLE, VIBROMETER)


def test_an_account_that_is_there_already_is_neither_taken_over_nor_changed(
    rabbit_configuration: RabbitConfiguration, adapters: AdapterService, management: Management, vibrometer: Account
) -> None:
    for name in (VIBROMETER, rabbit_configuration.user, RabbitAdministration().admin_user):
        with pytest.raises(Conflict, match="already"):
            adapters.add(CONSOLE, name, [OWN])
    for name in (rabbit_configuration.user, RabbitAdministration().admin_user):
        for act in (adapters.suspend, adapters.resume, adapters.rotate, adapters.remove):
            with pytest.raises(NotFound):
                act(CONSOLE, name)
    management.put({"password": "by hand", "tags": ""}, "users", "second")
    management.put(
        {"configure": "^$", "write": "^mymonit$", "read": "^$"}, "permissions", rabbit_configuration.vhost, "second"
    )
    for act in (adapters.rotate, adapters.remove):
        with pytest.raises(Conflict, match="not one that mymonit adapter add"):
            act(CONSOLE, "second")
    adapters.suspend(CONSOLE, "second")
    assert listed(adapters, "second") == ("second", None, True, False)


def test_what_is_done_to_an_adapter_is_audited(
    listening_container: Container, adapters: AdapterService
) -> None:
    password = adapters.add(CONSOLE, VIBROMETER, [OWN])
    adapters.suspend(CONSOLE, VIBROMETER)
    adapters.resume(CONSOLE, VIBROMETER)
    adapters.rotate(CONSOLE, VIBROMETER)
    adapters.remove(CONSOLE, VIBROMETER)
    with pytest.raises(NotFound):
        adapters.remove(CONSOLE, "ann@example.org")

    with listening_container.storage().unit() as unit:
        rows = unit.audit.newest(6)[::-1]
    assert [(row.verb, row.object, row.outcome) for row in rows] == [
        *((f"adapter.{deed}", f"adapter:{VIBROMETER}", "success")
          for deed in ("add", "suspend", "resume", "rotate", "remove")),
        ("adapter.remove", "adapter", "not_found"),
    ]
    assert password not in str(rows)


def test_the_parking_queue_is_the_only_one_behind_its_exchange(
    rabbit_configuration: RabbitConfiguration, told_by_broker: Callable[..., Any]
) -> None:
    parked = parking_queue(rabbit_configuration.queue)
    bindings = told_by_broker("exchanges", rabbit_configuration.vhost, parked, "bindings", "source")

    assert [one["destination"] for one in bindings] == [parked]


def test_the_console_prints_the_password_once_and_alone(
    mymonit: Mymonit, adapters: AdapterService, listening_container: Container
) -> None:
    del adapters, listening_container  # for the account's end, and for an experiment of this name

    first = mymonit("adapter", "add", VIBROMETER, "--experiment", OWN).output
    second = mymonit("adapter", "rotate", VIBROMETER).output

    assert re.fullmatch(r"[A-Za-z0-9_-]{43}\n", first) and re.fullmatch(r"[A-Za-z0-9_-]{43}\n", second)
    assert mymonit("adapter", "suspend", VIBROMETER).output == f"suspended {VIBROMETER}\n"
    assert f"{VIBROMETER}\tsuspended\t{OWN}\n" in mymonit("adapter", "list").output
    assert mymonit("adapter", "resume", VIBROMETER).output == f"resumed {VIBROMETER}\n"
    assert f"{VIBROMETER}\tactive\t{OWN}\n" in mymonit("adapter", "list").output
    unknown = mymonit("adapter", "add", "second", "--experiment", "nowhere")
    assert (unknown.exit_code, unknown.stderr) == (1, "Error: experiment: there is no experiment nowhere\n")
    assert mymonit("adapter", "add", "a@example.org", "--experiment", OWN).exit_code == 2
    assert mymonit("adapter", "remove", VIBROMETER).output == f"removed {VIBROMETER}\n"
