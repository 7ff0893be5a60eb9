import re

Path = tuple[str | int, ...]

_STEP = re.compile(r'(?:^|\.)(?:"([^"]+)"|([^."\[\]]+))|\[([0-9]{1,9})\]')


def parse_path(path: str) -> Path:
    """Such as data.samples[0]."a.b"; "." is the whole. Raises ValueError."""
    steps: list[str | int] = []
    at = 0
    while path != "." and (at < len(path) or not steps):
        match = _STEP.match(path, at)
        if match is None:
            raise ValueError(f"{path!a} is no path: write keys with points between, and [0] for the first of a list")
        quoted, key, index = match.groups()
        steps.append(int(index) if index else quoted or key)
        at = match.end()
    return tuple(steps)
