"""What a broker delivers, read from the bytes on their way to the consumer."""

import re
import struct
import threading

_METHOD, _HEADER = 1, 2
_BASIC_DELIVER = struct.pack(">HH", 60, 60)
_FRAME = struct.Struct(">BHI")  # type, channel, size; behind the payload one byte that ends it
#: The broker's own count of returns, as a signed number of 8 or 4 bytes or less.
_RETURNS = re.compile(rb"\x10x-delivery-count([lLIibBsu])(.{8})", re.DOTALL)
_NUMBERS = {
    b"l": ">q", b"L": ">q", b"I": ">i", b"i": ">I", b"b": ">b", b"B": ">B", b"s": ">h", b"u": ">H",
}

#: A consumer acknowledges: class 60, method 80.
ACKNOWLEDGEMENT = rb"\x01..\x00\x00\x00\x0d\x00\x3c\x00\x50"


class Deliveries:
    """Counted over all connections."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.total = 0
        self.redelivered = 0
        #: The most returns that any delivered message had behind it.
        self.most_returns = 0

    def tap(self) -> "DeliveryTap":
        return DeliveryTap(self)

    def count(self, *, redelivered: bool) -> None:
        with self._lock:
            self.total += 1
            self.redelivered += redelivered

    def returns(self, number: int) -> None:
        with self._lock:
            self.most_returns = max(self.most_returns, number)


class DeliveryTap:
    """Follows the frames of one connection."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries
        self._rest = b""

    def feed(self, data: bytes) -> None:
        data = self._rest + data
        position = 0
        while len(data) - position >= _FRAME.size:
            kind, _, size = _FRAME.unpack_from(data, position)
            end = position + _FRAME.size + size + 1
            if end > len(data):
                break
            self._frame(kind, data[position + _FRAME.size : end - 1])
            position = end
        self._rest = data[position:]

    def _frame(self, kind: int, payload: bytes) -> None:
        if kind == _METHOD and payload.startswith(_BASIC_DELIVER):
            tag_bytes = payload[4]
            self._deliveries.count(redelivered=bool(payload[5 + tag_bytes + 8]))
        elif kind == _HEADER and (found := _RETURNS.search(payload + bytes(8))):
            self._deliveries.returns(struct.unpack_from(_NUMBERS[found[1]], found[2])[0])
