"""Who may do what: the one table of role, method, path and owner that the API is held against, on every rung.

SAM (S001) may see experiment {own}, SUE (S002) experiment {other}; {absent} was never given; {item} is in the
quarantine; {key} is SAM's, and {nokey} nobody's. The callers of each group of five statuses are ADA (A001, ADMIN), SAM
and SUE (SCIENTIST), UMA (U001, AUDITOR) and nobody; `-` is 405 for everybody.
"""

from typing import Any, NamedTuple

#: What {key} and {nokey} are.
KEYS = {"key": "0123456789abcdef", "nokey": "fedcba9876543210"}
CALLERS = ("A001", "S001", "S002", "U001", None)
METHODS = ("GET", "POST", "PUT", "DELETE")
#: How paths begin at which nobody asks who is calling.
OPEN_TO_ALL = ("/health/", "/openapi.json", "/docs", "/static/", "/sign-in/")

MATRIX = """
path                                      GET                  POST                 PUT                  DELETE
/users/                                   200 403 403 403 401  201 403 403 403 401  -                    -
/users/me                                 200 200 200 200 401  -                    -                    -
/users/A001                               200 403 403 403 401  -                    200 403 403 403 401  409 403 403 403 401
/users/S001                               200 200 403 403 401  -                    200 200 403 403 401  204 204 403 403 401
/users/S002                               200 403 200 403 401  -                    200 403 200 403 401  204 403 204 403 401
/users/U001                               200 403 403 200 401  -                    200 403 403 200 401  204 403 403 204 401
/users/S999                               404 403 403 403 401  -                    404 403 403 403 401  404 403 403 403 401
/users/A001/keys                          200 403 403 403 401  201 403 403 403 401  -                    -
/users/S001/keys                          200 200 403 403 401  201 201 403 403 401  -                    -
/users/S002/keys                          200 403 200 403 401  201 403 201 403 401  -                    -
/users/U001/keys                          200 403 403 200 401  201 403 403 201 401  -                    -
/users/S999/keys                          404 403 403 403 401  404 403 403 403 401  -                    -
/users/S001/keys/{key}                    -                    -                    -                    204 204 403 403 401
/users/S001/keys/{nokey}                  -                    -                    -                    404 404 403 403 401
/users/S002/keys/{key}                    -                    -                    -                    404 403 404 403 401
/users/S999/keys/{key}                    -                    -                    -                    404 403 403 403 401
/users/S001/associations                  200 403 403 403 401  -                    -                    -
/users/S999/associations                  404 403 403 403 401  -                    -                    -
/users/S001/experiments/{own}/access      200 403 403 403 401  -                    -                    -
/users/S001/experiments/{other}/access    200 403 403 403 401  -                    -                    -
/users/S001/experiments/{absent}/access   404 403 403 403 401  -                    -                    -
/experiments/                             200 200 200 403 401  201 403 403 403 401  -                    -
/experiments/{own}                        200 200 404 403 401  -                    200 403 403 403 401  -
/experiments/{other}                      200 404 200 403 401  -                    200 403 403 403 401  -
/experiments/{absent}                     404 404 404 403 401  -                    404 403 403 403 401  -
/scientists-experiments/                  200 403 403 403 401  -                    -                    -
/scientists-experiments/{own}/S001        -                    409 403 403 403 401  -                    204 403 403 403 401
/scientists-experiments/{other}/S001      -                    201 403 403 403 401  -                    404 403 403 403 401
/scientists-experiments/{own}/U001        -                    409 403 403 403 401  -                    404 403 403 403 401
/scientists-experiments/{absent}/S001     -                    404 403 403 403 401  -                    404 403 403 403 401
/measures/{own}                           403 200 404 403 401  -                    -                    -
/measures/{own}?format=csv                403 200 404 403 401  -                    -                    -
/measures/{own}/latest                    403 200 404 403 401  -                    -                    -
/measures/{own}/changes                   403 200 404 403 401  -                    -                    -
/measures/{own}/changes?format=ndjson     403 200 404 403 401  -                    -                    -
/measures/{own}/summary?every=P1M         403 200 404 403 401  -                    -                    -
/measures/{other}/latest                  403 404 200 403 401  -                    -                    -
/measures/{other}/changes                 403 404 200 403 401  -                    -                    -
/measures/{other}/summary?every=P1M       403 404 200 403 401  -                    -                    -
/measures/{absent}/latest                 403 404 404 403 401  -                    -                    -
/measures/{absent}/changes                403 404 404 403 401  -                    -                    -
/measures/{absent}/summary?every=P1M      403 404 404 403 401  -                    -                    -
/measures/{other}                         403 404 200 403 401  -                    -                    -
/measures/{absent}                        403 404 404 403 401  -                    -                    -
/series/{own}                             403 200 404 403 401  -                    -                    -
/series/{other}                           403 404 200 403 401  -                    -                    -
/series/{absent}                          403 404 404 403 401  -                    -                    -
/measure-types/                           200 200 200 403 401  201 403 403 403 401  -                    -
/quarantine/                              200 403 403 403 401  -                    -                    -
/quarantine/{item}                        -                    -                    -                    204 403 403 403 401
/quarantine/{absent}                      -                    -                    -                    404 403 403 403 401
/quarantine/{item}/replay                 -                    409 403 403 403 401  -                    -
/quarantine/{absent}/replay               -                    404 403 403 403 401  -                    -
/health/live                              200 200 200 200 200  -                    -                    -
/health/ready                             200 200 200 200 200  -                    -                    -
/openapi.json                             200 200 200 200 200  -                    -                    -
/docs                                     200 200 200 200 200  -                    -                    -
/docs/start.js                            200 200 200 200 200  -                    -                    -
/docs/swagger-ui.css                      200 200 200 200 200  -                    -                    -
/static/index.html                        200 200 200 200 200  -                    -                    -
/static/page.js                           200 200 200 200 200  -                    -                    -
/static/nothing.html                      404 404 404 404 404  -                    -                    -
/sign-in/way                              200 200 200 200 200  -                    -                    -
/sign-in/password                         -                    415 415 415 415 415  -                    -
/sign-in/begin                            -                    415 415 415 415 415  -                    -
/sign-in/finish                           -                    415 415 415 415 415  -                    -
/nowhere                                  404 404 404 404 401  404 404 404 404 401  404 404 404 404 401  404 404 404 404 401
"""

_PERSON = {"name": "Canary", "email": "canary@example.org"}
#: What is sent with a method to a path, where something is.
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/users/"): {**_PERSON, "user_id": "S100", "username": "canary-1", "role": "ADMIN"},
    ("POST", "/experiments/"): {"name": "dark-matter"},
    ("PUT", "/experiments/{own}"): {"name": "tremors"},
    ("PUT", "/experiments/{other}"): {"name": "tremors"},
    ("PUT", "/experiments/{absent}"): {"name": "tremors"},
    ("POST", "/measure-types/"): {"name": "mole per kilogram", "symbol": "mol/kg", "quantity": "molality"},
}


class Cells(NamedTuple):
    """A method and a path, and the status for each of CALLERS."""

    method: str
    path: str
    statuses: dict[str | None, int]


def matrix() -> list[Cells]:
    _, *lines = MATRIX.strip().splitlines()
    return [cells for line in lines for cells in _cells(*line.split())]


def _cells(path: str, *columns: str) -> list[Cells]:
    statuses = iter(columns)
    found = []
    for method in METHODS:
        first = next(statuses)
        group = ["405"] * len(CALLERS) if first == "-" else [first, *(next(statuses) for _ in CALLERS[1:])]
        found.append(Cells(method, path, dict(zip(CALLERS, map(int, group), strict=True))))
    assert next(statuses, None) is None, path
    return found


def body(method: str, path: str, usernames: dict[str, str]) -> dict[str, Any] | None:
    """`usernames` by staff id: a change repeats the one there is, since people cannot change their own."""
    user_id = path.removeprefix("/users/")
    if method == "POST" and path.endswith("/keys"):
        return {"label": "Canary's program"}
    if method == "PUT" and user_id in ("A001", "S001", "S002", "U001", "S999"):
        return {**_PERSON, "username": usernames.get(user_id, "canary-nobody")}
    return BODIES.get((method, path))
