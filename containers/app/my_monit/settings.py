"""Every setting: its environment variable, type, default and meaning. A secret NAME may come from a file: NAME_FILE."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from my_monit.errors import ConfigurationError

Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[str, Field(min_length=1)]

_SCHEMA = Path(__file__).parents[2] / "mysql" / "dbschema"
_AMQPS_PORT = 5671
#: Without TLS only an issuer on this machine.
_ISSUER = r"^(https://[^\s?#@]+|http://(localhost|127\.0\.0\.1)(:\d+)?(/[^\s?#@]*)?)$"
_AMQP_PORT = 5672
#: 32 random hexadecimal digits have fewer different ones once in 10^7 times; a key that was typed has.
_LEAST_DIFFERENT_CHARS = 8


class _SecretFiles(PydanticBaseSettingsSource):
    """Reads the setting NAME from the file that NAME_FILE names."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = f"{self.config['env_prefix']}{field_name}".upper() + "_FILE"
        path = os.environ.get(variable)
        if field.annotation not in (SecretStr, SecretStr | None) or not path:
            return None, field_name, False
        if os.environ.get(variable.removesuffix("_FILE")):
            raise ConfigurationError(f"{variable.removesuffix('_FILE')} and {variable} are both set: leave one out")
        try:
            value = Path(path).read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{variable}: the file {path} cannot be read") from error
        if not value:
            raise ConfigurationError(f"{variable}: the file {path} is empty")
        return value, field_name, False

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields.items()
        values = ((name, self.get_field_value(field, name)[0]) for name, field in fields)
        return {name: value for name, value in values if value is not None}


class _Settings(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _SecretFiles(settings_cls), env_settings


class StorageConfiguration(_Settings):
    model_config = SettingsConfigDict(env_prefix="DB_")

    host: Name = Field("127.0.0.1", description="the database server")
    port: Port = Field(3306, description="its port")
    database: str = Field("mymonit", pattern=r"^[A-Za-z0-9_]{1,64}$", description="the database of this project")
    user: Name = Field("mymonit", description="the application's account: no DDL rights")
    password: SecretStr = Field(description="its password")
    connections: int = Field(8, ge=2, le=1000, description="connections per process, at most")


class StorageAdministration(_Settings):
    """What only `mymonit migrate` needs."""

    model_config = SettingsConfigDict(env_prefix="DB_")

    admin_user: Name = Field(description="an account that may change the schema and make accounts")
    admin_password: SecretStr = Field(description="its password")
    # An alias, since pydantic's models have an attribute `schema` of their own.
    schema_folder: Path = Field(_SCHEMA, validation_alias="DB_SCHEMA", description="the folder of the numbered SQL")


class RabbitNames(_Settings):
    """How things are called at the broker, for those who need no password of the listener's."""

    model_config = SettingsConfigDict(env_prefix="RABBIT_")

    vhost: Name = Field("/", description="the virtual host of this project")
    user: Name = Field("mymonit", description="the listener's account")
    exchange: Name = Field("mymonit", description="the topic exchange that adapters publish to")
    routing: str = Field("measures", pattern=r"^[A-Za-z0-9_-]+$", description="the routing key of measurements")
    queue: Name = Field("measures", description="the queue that the listener consumes")


class RabbitConfiguration(RabbitNames):
    url: Name = Field("localhost", description="the broker: a host name, or amqps://host:port, or amqp://host:port")
    port: Port | None = Field(None, description="its port, when the URL names none")
    password: SecretStr = Field(description="its password")
    ca: Path | None = Field(None, description="the certificate authority that the broker's certificate must come from")
    batch: int = Field(4000, ge=1, le=10_000, description="messages stored in one transaction, at most")
    batch_secs: float = Field(0.02, gt=0, le=10, description="seconds that a batch's first message waits for others")
    hold_secs: float = Field(
        300, gt=0, le=1500,
        description="seconds that messages are held while the database is away; below the broker's consumer_timeout",
    )

    @field_validator("url")
    @classmethod
    def _is_host_or_amqp(cls, url: str) -> str:
        try:
            parts = urlsplit(url if "://" in url else f"amqp://{url}")
            # User, password and virtual host have variables of their own, and would be ignored here.
            rest = "@" in parts.netloc or parts.path.strip("/") or parts.query or parts.fragment
            sound = parts.scheme in ("amqp", "amqps") and parts.hostname and parts.port != 0 and not rest
        except ValueError:  # a port that is none, or half an IPv6 address
            sound = False
        if not sound:
            raise ValueError("must be a host name, amqps://host:port or amqp://host:port, and say nothing else")
        return url

    @property
    def tls(self) -> bool:
        """A URL says it by its scheme; for a bare host name a CA, or the port of AMQPS, says it."""
        if "://" in self.url:
            return urlsplit(self.url).scheme == "amqps"
        return self.ca is not None or self.port == _AMQPS_PORT

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url if "://" in self.url else f"//{self.url}")
        port = parts.port or self.port or (_AMQPS_PORT if self.tls else _AMQP_PORT)
        return parts.hostname or self.url, port


class RabbitAdministration(_Settings):
    """What only those need who change the broker: `mymonit migrate`, `demo-data`, `adapter` and `guard`."""

    model_config = SettingsConfigDict(env_prefix="RABBIT_")

    management_url: str = Field("http://127.0.0.1:15672", pattern=r"^https?://", description="the management API")
    admin_user: Name = Field(description="an account with the tag administrator")
    admin_password: SecretStr = Field(description="its password")


class DemonstrationConfiguration(_Settings):
    """The broker account that `mymonit demo-data` makes: it may publish for every experiment."""

    model_config = SettingsConfigDict(env_prefix="ADAPTER_")

    user: Name = Field("demo-adapter", description="its name")
    password: SecretStr = Field(description="its password")


class IngestionConfiguration(_Settings):
    max_future: int = Field(86_400, ge=0, description="seconds that a timestamp may lie ahead of the receipt")
    deduplication_days: int = Field(30, ge=1, le=36_500, description="days that a message's id is remembered")


class RestConfiguration(_Settings):
    model_config = SettingsConfigDict(env_prefix="REST_")

    host: Name = Field("127.0.0.1", description="the address to listen at: reachable by the proxy alone")
    port: Port = Field(8000, description="the port to listen at")
    workers: int = Field(2, ge=1, le=64, description="processes")
    threads: int = Field(4, ge=1, le=64, description="threads of each process")


class HealthConfiguration(_Settings):
    """Where the listener tells how it is."""

    model_config = SettingsConfigDict(env_prefix="HEALTH_")

    host: Name = Field("127.0.0.1", description="the address of the listener's health")
    port: Port = Field(8001, description="its port")


class GuardConfiguration(HealthConfiguration):
    """What bounds the quarantine, and where that process tells how it is."""

    model_config = SettingsConfigDict(env_prefix="GUARD_")

    host: Name = Field("127.0.0.1", description="the address of the guard's health")
    port: Port = Field(8003, description="its port")
    quarantine_limit_mib: int = Field(
        1024, ge=1, validation_alias="QUARANTINE_LIMIT_MIB",
        description="MiB that one publisher may have in the quarantine before it is suspended",
    )


class IdentityConfiguration(_Settings):
    identity: Literal["local", "firebase", "oidc"] = Field("local", description="who vouches for callers")
    identity_key_file: Path = Field(
        Path("identity.pem"), description="the private key of local tokens; made at the first start"
    )
    identity_issuer: Name = Field("mymonit", description="issuer of local tokens")
    identity_audience: Name = Field("mymonit", description="audience of local tokens")
    google_application_credentials: Path | None = Field(None, description="Firebase's service account file")
    firebase_auth_emulator_host: str | None = Field(
        None, pattern=r"^[A-Za-z0-9.-]+:\d{1,5}$",
        description="host and port of Firebase's emulator, which signs nothing; only in development",
    )
    mymonit_mode: Literal["production", "development"] = Field(
        "production", description="in production no emulator vouches for anybody"
    )
    oidc_issuer: str | None = Field(
        None, pattern=_ISSUER, description="the OpenID Connect issuer, exactly as its tokens name it"
    )
    oidc_audience: Name | None = Field(None, description="the audience that its tokens for MyMONIT name")
    oidc_ca: Path | None = Field(None, description="the certificate authority of the issuer, unless the system's")


class SignInConfiguration(_Settings):
    """What the sign-in page needs; without it, tokens are had elsewhere."""

    firebase_api_key: SecretStr | None = Field(None, description="the web API key of the Firebase project")
    oidc_client_id: Name | None = Field(None, description="what the issuer calls the sign-in page")
    oidc_client_secret: SecretStr | None = Field(None, description="its secret, where the issuer gives it one")
    oidc_scope: Name = Field("openid", description="the scopes to ask for, with blanks between them")
    sign_in_key: SecretStr | None = Field(
        None, min_length=32, description="signs what a browser keeps while its user signs in"
    )

    @field_validator("sign_in_key")
    @classmethod
    def _is_random(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(set(key.get_secret_value())) < _LEAST_DIFFERENT_CHARS:
            raise ValueError("must be random, as from: openssl rand -hex 24")
        return key


class LoggingConfiguration(_Settings):
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="the least level logged")
    logstash_host: str | None = Field(None, description="where log lines go besides the standard error stream")
    logstash_port: Port = Field(5000, description="its TCP port")


_S = TypeVar("_S", bound=_Settings)


def load(group: type[_S]) -> _S:
    """Read one group of settings from the environment.

    Raises ConfigurationError with one line that names every missing or senseless variable, never its value.
    """
    try:
        return group()
    except ValidationError as error:
        raise ConfigurationError("; ".join(_complaint(group, dict(item)) for item in error.errors())) from None


def _complaint(group: type[_Settings], item: dict[str, Any]) -> str:
    name = str(item["loc"][0])
    variable = name if name.isupper() else f"{group.model_config.get('env_prefix', '')}{name}".upper()
    if item["type"] == "missing":
        return f"{variable} is not set ({group.model_fields[name].description})"
    return f"{variable}: {str(item['msg']).removeprefix('Value error, ')}"
