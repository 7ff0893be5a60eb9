import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from mymonit_adapters.errors import SettingsError
from mymonit_adapters.operating_system import state_folder

KEEP_DAYS, MAX_KEEP_DAYS = 7, 3_650
SPOOL_MAX_MIB, LEAST_SPOOL_MIB, MOST_SPOOL_MIB = 1_024, 16, 1 << 20
DAY_SECS = 86_400
TLS_PORT = 5671
PLAIN_PORT = 5672
MAX_PORT = 65_535
MAX_NAME_BYTES = 190  # with ".<experiment>" behind it, a routing key keeps to AMQP's 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    host: str
    port: int
    vhost: str
    user: str
    password: str = field(repr=False)
    exchange: str
    routing: str
    tls: ssl.SSLContext | None = field(repr=False)  # None: not encrypted, which only the loopback interface may be


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSettings:
    folder: Path  # of all instruments' spools
    keep_secs: int
    max_bytes: int


def read_spool_settings(environment: Mapping[str, str], *, folder: Path | None = None) -> SpoolSettings:
    """Raises SettingsError, which names the setting."""
    days = _number(environment, "KEEP_DAYS", KEEP_DAYS, least=0, most=MAX_KEEP_DAYS)
    mib = _number(environment, "SPOOL_MAX_MIB", SPOOL_MAX_MIB, least=LEAST_SPOOL_MIB, most=MOST_SPOOL_MIB)
    given = environment.get("MYMONIT_SPOOL")
    try:
        folder = folder or (Path(given) if given else state_folder())
    except RuntimeError as error:
        raise SettingsError("there is no home folder to keep the spool in: set MYMONIT_SPOOL to a folder") from error
    return SpoolSettings(folder=folder, keep_secs=days * DAY_SECS, max_bytes=mib << 20)


def read_settings(environment: Mapping[str, str]) -> Broker:
    """Raises SettingsError, which names the setting."""
    host, port, encrypted = _address(environment)
    return Broker(
        host=host,
        port=port,
        vhost=_name(environment, "RABBIT_VHOST", "/"),
        user=_name(environment, "RABBIT_USER"),
        password=_password(environment),
        exchange=_name(environment, "RABBIT_EXCHANGE", "mymonit"),
        routing=_name(environment, "RABBIT_ROUTING", "measures"),
        tls=_tls(environment.get("RABBIT_CA") or None) if encrypted else None,
    )


def _name(environment: Mapping[str, str], setting: str, default: str = "") -> str:
    name = environment.get(setting) or default
    if not name:
        raise SettingsError(f"{setting} is missing")
    if not name.isprintable() or len(name.encode()) > MAX_NAME_BYTES:
        raise SettingsError(f"{setting} must be 1 to {MAX_NAME_BYTES} printable characters")
    return name


def _address(environment: Mapping[str, str]) -> tuple[str, int, bool]:
    """Host, port, and whether TLS is spoken."""
    text = environment.get("RABBIT_URL", "")
    if not text:
        raise SettingsError("RABBIT_URL is missing: set it to the broker, such as amqps://broker.example.org:5671")
    url = _parse_url(text)
    if url.hostname is None or url.path not in ("", "/") or url.query or url.fragment:
        raise SettingsError("RABBIT_URL must be amqps://host:port or a host name; the virtual host is RABBIT_VHOST")
    if url.username is not None or url.password is not None:
        raise SettingsError("RABBIT_URL must not hold an account: use RABBIT_USER and RABBIT_PASSWORD")
    encrypted = url.scheme == "amqps"
    if not encrypted and not _is_loopback(url.hostname):
        raise SettingsError("RABBIT_URL must begin with amqps://: without TLS only this machine's broker may be used")
    return url.hostname, _url_port(url) or _port(environment, encrypted), encrypted


def _parse_url(text: str) -> SplitResult:
    try:
        url = urlsplit(text if "://" in text else f"amqps://{text}")
    except ValueError as error:
        raise SettingsError("RABBIT_URL is neither amqps://host:port nor a host name") from error
    if url.scheme not in ("amqp", "amqps") or not text.isprintable() or " " in text:
        raise SettingsError("RABBIT_URL is neither amqps://host:port nor a host name")
    return url


def _url_port(url: SplitResult) -> int | None:
    try:
        port = url.port
    except ValueError:
        port = 0
    if port == 0:
        raise SettingsError("RABBIT_URL has a port that is no number from 1 to 65535")
    return port


def _port(environment: Mapping[str, str], encrypted: bool) -> int:
    return _number(environment, "RABBIT_PORT", TLS_PORT if encrypted else PLAIN_PORT, least=1, most=MAX_PORT)


def _number(environment: Mapping[str, str], setting: str, default: int, *, least: int, most: int) -> int:
    text = environment.get(setting) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise SettingsError(f"{setting} must be a number from {least} to {most}")
    return int(text)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _password(environment: Mapping[str, str]) -> str:
    password, path = environment.get("RABBIT_PASSWORD"), environment.get("RABBIT_PASSWORD_FILE")
    if password and path:
        raise SettingsError("RABBIT_PASSWORD and RABBIT_PASSWORD_FILE are both set: keep one")
    if path:
        try:
            password = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            raise SettingsError(f"RABBIT_PASSWORD_FILE cannot be read: {path}") from error
    if not password:
        raise SettingsError("RABBIT_PASSWORD or RABBIT_PASSWORD_FILE is missing, or empty")
    return password


def _tls(ca_file: str | None) -> ssl.SSLContext:
    """Verifies certificate and host name, against the system's authorities when no others are given."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(f"RABBIT_CA is no readable file of certificates (PEM): {ca_file}") from error
