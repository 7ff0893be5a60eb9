import pytest
from mymonit_adapters.lines import Line, split_lines
from mymonit_adapters.model import Chunk

TEXT = b"one\n\ntwo\r\nthree is too long\nfour\nfive"
LIMIT = 8


def contents(*chunks: bytes) -> list[tuple[int, bytes | None]]:
    return [(line.number, None if line.too_long else line.content) for line in split_lines((Chunk(data, 0) for data in chunks), limit=LIMIT)]


@pytest.mark.parametrize("first", range(len(TEXT)))
@pytest.mark.parametrize("second", [1, 5, 17])
def test_lines_are_the_same_however_they_arrive(first: int, second: int) -> None:
    arrived = contents(TEXT[:first], TEXT[first : first + second], TEXT[first + second :])

    assert arrived == [(1, b"one"), (2, b""), (3, b"two\r"), (4, None), (5, b"four"), (6, b"five")]


def test_lines_are_the_same_when_they_arrive_byte_by_byte() -> None:
    assert contents(*(TEXT[at : at + 1] for at in range(len(TEXT)))) == contents(TEXT)


@pytest.mark.parametrize("size", [1, 3, 10, 1_000])
def test_ends_are_the_same_however_the_bytes_arrive(size: int) -> None:
    chunks = (Chunk(TEXT[at : at + size], 0) for at in range(0, len(TEXT), size))

    assert [line.end for line in split_lines(chunks, limit=LIMIT)] == [4, 5, 10, 19, 33, 37]


def test_an_endless_line_is_known_before_its_end() -> None:
    chunks = iter([Chunk(b"x" * 9, 7), Chunk(b"x" * 9, 8), Chunk(b"\nok\n", 9)])
    lines = split_lines(chunks, limit=LIMIT)

    assert next(lines) == Line(1, 9, b"x" * 9, 7, too_long=True)
    assert list(lines) == [Line(2, 22, b"ok", 9)]


def test_lines_of_one_chunk_keep_their_order_by_time() -> None:
    lines = split_lines([Chunk(b"a\nb\nc\n", 100), Chunk(b"d\n", 200)], limit=LIMIT)

    assert [line.read_at for line in lines] == [100, 101, 102, 200]
