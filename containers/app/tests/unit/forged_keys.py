"""API keys of all kinds that nobody may accept, and who makes them."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from my_monit.identity.api_keys import assemble


@dataclass(frozen=True)
class Forger:
    """Knows one key, the public id of another, and how checksums are made."""

    good: str
    other_id: str

    @property
    def parts(self) -> tuple[str, str, str]:
        """Public id, secret, checksum."""
        _, key_id, rest = self.good.split("_")
        return key_id, rest[:64], rest[64:]

    def with_secret(self, secret: str) -> str:
        return assemble(self.parts[0], secret)

    def with_id(self, key_id: str) -> str:
        return assemble(key_id, self.parts[1])


def b64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def part(**fields: str) -> str:
    """Of a JSON Web Token."""
    return b64(json.dumps(fields))


def other_digit(digit: str) -> str:
    return "1" if digit == "0" else "0"


FORGED: dict[str, Callable[[Forger], str]] = {
    "empty": lambda f: "",
    "blank": lambda f: " ",
    "prefix alone": lambda f: "mmk_",
    "public id alone": lambda f: f.parts[0],
    "prefix and public id": lambda f: f"mmk_{f.parts[0]}",
    "secret alone": lambda f: f.parts[1],
    "no secret": lambda f: f.with_secret(""),
    "no public id": lambda f: f.with_id(""),
    "no checksum": lambda f: f.good[:-8],
    "no prefix": lambda f: f.good.removeprefix("mmk_"),
    "no separators": lambda f: f.good.replace("_", ""),
    "other separators": lambda f: f.good.replace("_", "-"),
    "one separator too many": lambda f: f.good.replace("mmk_", "mmk__"),
    "prefix of others": lambda f: f.good.replace("mmk_", "ghp_"),
    "prefix in capitals": lambda f: f.good.replace("mmk_", "MMK_"),
    "secret in capitals": lambda f: f.with_secret(f.parts[1].upper()),
    "all in capitals": lambda f: f.good.upper(),
    "what is stored, as the key": lambda f: hashlib.sha256(f.good.encode()).hexdigest(),
    "what is stored, as the secret": lambda f: f.with_secret(hashlib.sha256(f.good.encode()).hexdigest()),
    "secret of zeros": lambda f: f.with_secret("0" * 64),
    "secret of another key": lambda f: f.with_secret("5" * 64),
    "secret backwards": lambda f: f.with_secret(f.parts[1][::-1]),
    "secret in another base": lambda f: f.with_secret(b64(f.parts[1])[:64]),
    "secret cut": lambda f: f.with_secret(f.parts[1][:-1]),
    "secret cut to half": lambda f: f.with_secret(f.parts[1][:32]),
    "secret too long": lambda f: f.with_secret(f.parts[1] + "0"),
    "secret doubled": lambda f: f.with_secret(f.parts[1] * 2),
    "first digit of the secret": lambda f: f.with_secret(other_digit(f.parts[1][0]) + f.parts[1][1:]),
    "last digit of the secret": lambda f: f.with_secret(f.parts[1][:-1] + other_digit(f.parts[1][-1])),
    "last digit of the secret, old checksum": lambda f: f.good[:-9] + other_digit(f.good[-9]) + f.good[-8:],
    "last digit of the checksum": lambda f: f.good[:-1] + other_digit(f.good[-1]),
    "checksum of zeros": lambda f: f.good[:-8] + "0" * 8,
    "checksum of something else": lambda f: f.good[:-8] + f.with_secret("0" * 64)[-8:],
    "checksum in front": lambda f: f"mmk_{f.parts[0]}_{f.parts[2]}{f.parts[1]}",
    "public id of another key": lambda f: f.with_id(f.other_id),
    "public id of nobody": lambda f: f.with_id("fedcba9876543210"),
    "public id of zeros": lambda f: f.with_id("0" * 16),
    "public id too short": lambda f: f.with_id(f.parts[0][:-1]),
    "public id too long": lambda f: f.with_id(f.parts[0] + "0"),
    "public id with a blank": lambda f: f.with_id(f.parts[0] + " "),
    "public id a staff id": lambda f: f.with_id("S001"),
    "public id a wildcard": lambda f: f.with_id("%" * 16),
    "public id SQL": lambda f: f.with_id("' OR '1'='1' -- "),
    "public id SQL, of the right length": lambda f: f.with_id("'OR 1=1 LIMIT 1;"),
    "public id a path": lambda f: f.with_id("../../../../etc/"),
    "cut": lambda f: f.good[:-1],
    "one digit too many": lambda f: f.good + "0",
    "twice": lambda f: f.good * 2,
    "two merged by a proxy": lambda f: f"{f.good},Bearer {f.good}",
    "with its scheme": lambda f: f"Bearer {f.good}",
    "as user of a password": lambda f: f"{f.good}:",
    "padded": lambda f: f"{f.good}==",
    "in quotes": lambda f: json.dumps(f.good),
    "in percents": lambda f: f.good.replace("_", "%5F"),
    "in base64": lambda f: b64(f.good),
    "blank before": lambda f: f" {f.good}",
    "blank after": lambda f: f"{f.good} ",
    "line end after": lambda f: f"{f.good}\n",
    "null character after": lambda f: f"{f.good}\0",
    "character of no width": lambda f: f.good.replace("mmk_", "mmk\u200b_"),
    "letter that looks like one": lambda f: f.good.replace("m", "\u043c"),
    "digits beyond ASCII": lambda f: f.with_secret("\u0663" * 64),
    "half a character": lambda f: f.good + "\ud800",
    "very long": lambda f: f.with_secret("0" * 100_000),
    "as the header of a token": lambda f: f"{f.good}.e30.AAAA",
    "as the signature of a token": lambda f: f"e30.e30.{f.good}",
    "as the subject of an unsigned token": lambda f: f"{part(alg='none')}.{part(sub=f.good)}.",
    "a token with the prefix": lambda f: f"mmk_{part(alg='EdDSA')}.{part(sub='uid-S001')}.AAAA",
}
