import secrets

VERSION_7 = 7 << 76
VARIANT = 0b10 << 62
RANDOM_BITS = 54  # beside the time: two adapters that read a line in the same nanosecond still differ


def time_ordered_id(at: int) -> str:
    """A UUIDv7 (RFC 9562 section 5.7) for a time in nanoseconds since 1970, ordered by that time to the nanosecond."""
    millis, nanos = divmod(at, 1_000_000)
    fraction = (nanos << 20) // 1_000_000  # section 6.2, method 3: a finer clock in place of the first random bits
    high, low = divmod(fraction, 1 << 8)
    within = (high << 64) | VARIANT | (low << RANDOM_BITS) | secrets.randbits(RANDOM_BITS)
    digits = f"{(millis << 80) | VERSION_7 | within:032x}"  # by hand: uuid.UUID takes as long as the rest of a message
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
