import pytest
from mymonit_adapters.configuration import parse_configuration
from mymonit_adapters.errors import SettingsError

GOOD = """
name = "it"
experiment = "lab"
format = "csv"
[csv]
delimiter = ";"
[time]
field = "t"
format = "epoch-s"
[[measures]]
field = "v"
measure = "hertz"
"""


def changed(before: str, after: str) -> str:
    assert before in GOOD
    return GOOD.replace(before, after)


def test_a_good_file_is_an_instrument() -> None:
    assert parse_configuration(GOOD).name == "it"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed('"it"', '"a/b"'), "name: must be 1 to 64"),
        (changed('name = "it"', ""), "name: is missing"),
        (changed("experiment", "experimet"), r"experimet: there is no such key; did you mean experiment\?"),
        (changed('"lab"', '"a.b"'), r"measures\[1\]: an experiment's name"),
        (changed('"csv"', '"cvs"'), r"format: there is no format 'cvs'; did you mean csv\?"),
        (changed("delimiter", "delimeter"), r"csv.delimeter: there is no such key; did you mean delimiter\?"),
        (changed('";"', '";;"'), "csv.delimiter: must be one character"),
        (changed('";"', "1"), "csv.delimiter: must be a text in quotes"),
        (changed("[csv]", '[csv]\nencoding = "utf-16"'), "csv.encoding: utf-16 cannot be read line by line"),
        (changed("[csv]", "[csv]\nheader = false"), "csv.columns: is missing"),
        (changed("[time]", "[tim]"), r"time: is missing; did you mean it by tim\?"),
        (changed('"epoch-s"', '"seconds"'), "time.format: must be rfc3339, epoch-s"),
        (changed('"epoch-s"', '"%H:%M"'), "time.format: the pattern does not say year, month and day"),
        (changed('"epoch-s"', '"%Y-%m-%d %I:%M"'), "time.format: %I needs %p"),
        (changed('"epoch-s"', '"%Y-%m-%d %H:%M"'), "time.zone: is missing"),
        (changed('"epoch-s"', '"rfc3339"\nzone = "Europe/Berln"'), r"time.zone: .* did you mean Europe/Berlin\?"),
        (changed('"epoch-s"', '"epoch-s"\nzone = "UTC"'), "time.zone: there is no such key"),
        (changed('field = "v"', "field = 0"), r"measures\[1\].field: must be the number of a column, from 1"),
        (changed('"hertz"', '"hertz"\nscal = 2'), r"measures\[1\].scal: there is no such key; did you mean scale\?"),
        (changed('"hertz"', '"hertz"\nscale = "2"'), r"measures\[1\].scale: must be a number"),
        (changed('"hertz"', '"hertz"\nscale = inf'), r"measures\[1\].scale: must be a number"),
        (changed('"hertz"', '"hertz"\nmap = { open = "1" }'), r"measures\[1\].map.open: must be a number"),
        (changed('"hertz"', '"hertz"\nmissing = [1]'), r"measures\[1\].missing: must be a list of texts"),
        (changed('"hertz"', '"hertz"\nsensor = ""'), r"measures\[1\]: a sensor is 1 to 64"),
        (changed('measure = "hertz"', ""), r"measures\[1\].measure: is missing"),
        (changed("[[measures]]", "[measures]"), r"measures: there must be one table or more, each under \[\[measures\]\]"),
        (changed('name = "it"', 'name = "it'), "line 2"),
    ],
)
def test_a_mistake_is_told_with_its_key(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_configuration(text)
