"""What the database's error numbers mean."""

import logging

import pytest
from mysql.connector import errors

from my_monit.errors import ConfigurationError, StorageContention, StorageRejected, StorageUnavailable
from my_monit.storage import faults
from my_monit.storage.faults import DuplicateKey, meaning, translated

#: From MySQL's and MariaDB's lists of errors, by what helps.
WAIT = {
    "disk full": [1021, 1030, 1114], "memory, threads, connections": [1041, 1040, 1135, 1203, 1226],
    "read-only": [1290, 1792, 1836], "stopping": [1053, 1077, 1927, 3168, 3169, 3032],
    "gone": [2002, 2003, 2005, 2006, 2013, 2055, 1152, 1158, 1159, 1160, 1161, 4031],
    "this was stopped": [1317, 1969, 3024], "a commit of unknown outcome": [1180, 3100], "blocked": [1129],
}
AGAIN = {"locks": [1205, 1213], "snapshot and definition": [1020, 1412], "cluster and XA": [3101, 1613, 1614]}
NEVER = {"data": [1048, 1264, 1265, 1292, 1300, 1366, 1406, 1452, 1690, 3140, 3819, 4025]}
REPAIR = {
    "account": [1044, 1045, 1142, 1143, 1227, 1698, 1862, 3118, 4151], "schema": [1049, 1054, 1146, 1932],
    "packets": [1153, 2020],
}


def numbers(meanings):
    return [pytest.param(number, id=f"{number} {what}") for what, some in meanings.items() for number in some]


@pytest.mark.parametrize("number", numbers(WAIT))
def test_what_passes_by_itself_is_waited_for_without_an_alert(number, caplog):
    assert type(meaning(errors.DatabaseError(errno=number))) is StorageUnavailable
    assert not caplog.records


@pytest.mark.parametrize("number", numbers(AGAIN))
def test_what_another_transaction_caused_is_run_again(number):
    assert type(meaning(errors.DatabaseError(errno=number))) is StorageContention


def test_a_key_that_is_there_is_contention_that_can_be_told_apart():
    assert type(meaning(errors.IntegrityError(errno=1062))) is DuplicateKey


@pytest.mark.parametrize("number", numbers(NEVER))
def test_data_that_does_not_fit_is_rejected(number):
    assert type(meaning(errors.DataError(errno=number))) is StorageRejected


@pytest.mark.parametrize("number", numbers(REPAIR))
def test_what_somebody_must_put_right_stops_the_process(number):
    assert type(meaning(errors.ProgrammingError(errno=number))) is ConfigurationError


@pytest.mark.parametrize("kind", [errors.DataError, errors.IntegrityError, errors.ProgrammingError, errors.Error])
def test_a_number_that_nobody_knows_is_waited_for_whatever_its_class_and_calls_for_help(kind, caplog):
    with caplog.at_level(logging.ERROR, "mymonit.storage"), pytest.raises(StorageUnavailable, match="error 9999"):
        with translated():
            raise kind(errno=9999, msg="secret data")

    [record] = caplog.records
    assert (record.levelname, record.getMessage()) == ("ERROR", "unknown_database_error")
    assert record.details.fields == {"number": 9999}
    assert "secret" not in str(vars(record))


def test_a_number_means_one_thing():
    known = [number for numbers_, *_ in faults._MEANINGS for number in numbers_]
    assert len(known) == len(set(known))
