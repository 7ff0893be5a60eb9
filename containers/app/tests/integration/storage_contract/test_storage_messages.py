"""Publishers, and the messages of theirs that are known."""

from my_monit.storage.ports import MessageId

NAMES = [b"", b"a", b"A", b"a ", b"a\0", "á".encode(), b"\xff\xfe", b"%s", b"%(a)s'\"\\", b"x" * 255]


def test_a_publisher_keeps_its_number_and_differs_from_others_by_any_byte(storage):
    with storage.unit() as unit:
        numbers = [unit.messages.publisher_id(name) for name in NAMES]

    assert len(set(numbers)) == len(NAMES)
    with storage.unit() as unit:
        assert [unit.messages.publisher_id(name) for name in reversed(NAMES)] == numbers[::-1]


def remember(storage, hashes):
    with storage.unit() as unit:
        return unit.messages.remember(hashes)


def test_messages_are_known_the_second_time_with_the_hash_of_the_first(storage):
    first = {MessageId(1, name): bytes([number] * 16) for number, name in enumerate(NAMES)}
    second = {key: b"another hash !!!" for key in first}

    assert remember(storage, first) == {}
    assert remember(storage, second) == first
    assert remember(storage, second) == first, "the first hash is kept"


def test_of_some_known_and_some_new_messages_the_new_ones_are_remembered_too(storage):
    one, two, three = (MessageId(7, name) for name in (b"1", b"2", b"3"))
    hash_1, hash_2 = b"1" * 16, b"2" * 16
    remember(storage, {two: hash_1})

    assert remember(storage, {one: hash_2, two: hash_2, three: hash_2}) == {two: hash_1}
    assert remember(storage, {one: hash_1, three: hash_1}) == {one: hash_2, three: hash_2}


def test_the_same_id_of_another_publisher_is_another_message(storage):
    remember(storage, {MessageId(1, b"id"): b"1" * 16})

    assert remember(storage, {MessageId(2, b"id"): b"2" * 16, MessageId(1, b"ID"): b"3" * 16}) == {}


def test_few_known_messages_are_found_among_thousands(storage):
    keys = [MessageId(1, b"%d" % number) for number in range(2500)]
    known = {keys[0]: b"a" * 16, keys[1500]: b"b" * 16, keys[-1]: b"c" * 16}
    remember(storage, known)

    assert remember(storage, dict.fromkeys(keys, b"d" * 16)) == known
    assert len(remember(storage, dict.fromkeys(keys, b"e" * 16))) == 2500


def test_old_ids_are_forgotten_and_young_ones_are_not(storage, later):
    keys = [MessageId(1, b"%d" % number) for number in range(7)]
    remember(storage, dict.fromkeys(keys[:5], b"a" * 16))
    later(days=31)
    remember(storage, dict.fromkeys(keys[4:], b"b" * 16))

    with storage.unit() as unit:
        assert [unit.messages.forget(older_than_secs=30 * 86_400, limit=3) for _ in range(3)] == [3, 2, 0]

    known = remember(storage, dict.fromkeys(keys, b"c" * 16))
    assert known == dict.fromkeys(keys[5:], b"b" * 16)


def test_nothing_to_remember_is_nothing_known(storage):
    assert remember(storage, {}) == {}
