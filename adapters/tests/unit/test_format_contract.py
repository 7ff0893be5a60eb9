"""What every format promises, whatever its input is: the same entries however it arrives, and never an exception."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mymonit_adapters.configuration import parse_configuration
from mymonit_adapters.instrument import Instrument
from mymonit_adapters.model import Chunk, Entry

MEASURE = '[[measures]]\nmeasure = "hertz"\nfield = {field}\nscale = 0.1\nmissing = ["", "-"]\n'
TIME = '[time]\nfield = {field}\nformat = "epoch-s"\n'
TOP = 'name = "it"\nexperiment = "lab"\nformat = '


def configured(kind: str, value: str, time: str, options: str = "") -> Instrument:
    return parse_configuration(f"{TOP}'{kind}'\n{options}\n{TIME.format(field=time)}{MEASURE.format(field=value)}")


INSTRUMENTS = {
    "text": configured("text", "2", "1", '[text]\ncolumns = 2\ncomment = "#"'),
    "csv": configured("csv", '"v"', '"t"', '[csv]\ndelimiter = ";"\ncomment = "#"'),
    "csv without header": configured("csv", "2", "1", "[csv]\nheader = false\ncolumns = 3\nskip_lines = 1"),
    "json": configured("json", '"v"', '"t"'),
    "json, a list within": configured("json", '"v[0]"', '"t"', "[json]\nrecords = 'd[1].r'"),
    "xml": configured("xml", '"@v"', '"t"', "[xml]\nrecord = 'r'"),
}
PIECES = {
    "text": ["1 2\n", "7 -\n", "#", "\n", " ", "1", "x\n", "\r\n", "\ufeff"],
    "csv": ["t;v;n\n", "1;2;\n", '1;"2";"a\n;b"\n', '"', ";", "\n", '1;2;"\n', "# \n", '""', "1,2,3\n", "ä", "\r\n"],
    "json": ['{"t":1,"v":2}', '{"t":1, "v":[3]}', "\n", "[", "]", ",", "{", "}", '"', '"d":', '{"d":[0,{"r":[', "1", "-", ":"]
    + ["true", "nul", "\\u00", "é", " ", '\n{"t":5,"v":[6.25]}\n', '"\\"', "1e", "NaN"],
    "xml": ['<r v="1"><t>2</t></r>', "<r v='1'><t>2</t>", "</r>", "<a>", "</a>", "<r/>", "<", ">", '"', "&amp;", "&x;", "\n"]
    + ["<?xml version='1.0'?>", "<!--", "-->", "<![CDATA[", "]]>", "x", "é", "<!DOCTYPE a [<!ENTITY x 'y'>]>", "<t>3</t>"],
}
names = st.sampled_from(sorted(INSTRUMENTS))


@st.composite
def inputs(draw: st.DrawFn) -> tuple[Instrument, bytes]:
    name = draw(names)
    pieces = st.lists(st.sampled_from(PIECES[name.split()[0].rstrip(",")]).map(str.encode), max_size=30)
    broken = st.lists(st.binary(max_size=3), max_size=2)
    parts = draw(pieces) + draw(broken)
    return INSTRUMENTS[name], b"".join(draw(st.permutations(parts)))


def entries(instrument: Instrument, *chunks: bytes) -> list[Entry]:
    return list(instrument.entries(Chunk(chunk, 1) for chunk in chunks))


@settings(max_examples=300, deadline=None)
@example((INSTRUMENTS["json"], b"1e1e"), [2])
@given(inputs(), st.lists(st.integers(0, 200), max_size=5))
def test_entries_are_the_same_however_the_bytes_arrive(given_: tuple[Instrument, bytes], cuts: list[int]) -> None:
    instrument, data = given_
    whole = entries(instrument, data)

    assert entries(instrument, *(data[a:b] for a, b in pairwise(sorted([0, *cuts, len(data)])) if a < b)) == whole
    assert entries(instrument, *(data[at : at + 1] for at in range(len(data)))) == whole


@settings(max_examples=300, deadline=None)
@given(inputs())
def test_ends_and_numbers_grow_up_to_the_length_of_the_input(given_: tuple[Instrument, bytes]) -> None:
    instrument, data = given_
    found = entries(instrument, data)

    assert all(first.end <= second.end for first, second in pairwise(found))
    assert all(first.number <= second.number for first, second in pairwise(found))
    assert all(0 <= entry.end <= len(data) for entry in found)


@settings(max_examples=500, deadline=None)
@given(names, st.binary(max_size=300))
def test_random_bytes_never_raise(name: str, data: bytes) -> None:
    found = entries(INSTRUMENTS[name], data)

    assert all(0 <= entry.end <= len(data) for entry in found)
