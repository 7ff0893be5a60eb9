"""Gunicorn's worker, with answers of ours to requests that it cannot read: a problem, and no quotation of them."""

import socket
from http import HTTPStatus

import msgspec
from gunicorn.http.errors import (
    InvalidResponseHeader, InvalidResponseHeaderName, LimitRequestHeaders, LimitRequestLine, ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.workers.gthread import ThreadWorker

from my_monit.logs.logger import get_logger

_DETAILS = {
    HTTPStatus.INTERNAL_SERVER_ERROR: "the request could not be served",
    HTTPStatus.NOT_IMPLEMENTED: "this transfer encoding is not served here",
}

_log = get_logger("rest")


class Worker(ThreadWorker):
    def handle_error(self, req: object, client: socket.socket, addr: object, exc: BaseException) -> None:
        """Gunicorn's own way writes HTML, and the request into the log: names and numbers that people put there."""
        status = _status(exc)
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("request_crashed", error=exc)
        body = msgspec.json.encode({
            "type": f"urn:mymonit:problem:{status.phrase.lower().replace(' ', '-')}",
            "title": status.phrase,
            "status": status,
            "detail": _DETAILS.get(status, "this is not a well-formed request"),
        })
        head = (
            f"HTTP/1.1 {status} {status.phrase}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        try:
            client.sendall(head.encode() + body)
        except OSError:
            pass  # who asked is gone


def _status(error: BaseException) -> HTTPStatus:
    if isinstance(error, (InvalidResponseHeader, InvalidResponseHeaderName)):
        return HTTPStatus.INTERNAL_SERVER_ERROR  # the application's fault, though it counts as one of parsing
    if isinstance(error, UnsupportedTransferCoding):
        return HTTPStatus.NOT_IMPLEMENTED
    if isinstance(error, LimitRequestLine):
        return HTTPStatus.REQUEST_URI_TOO_LONG
    if isinstance(error, LimitRequestHeaders):
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    return HTTPStatus.BAD_REQUEST if isinstance(error, ParseException) else HTTPStatus.INTERNAL_SERVER_ERROR
