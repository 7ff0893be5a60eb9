"""Which identity provider vouches for callers: the setting IDENTITY says it."""

from my_monit.errors import ConfigurationError
from my_monit.identity.local import LocalIdentity
from my_monit.identity.oidc import OidcIdentity
from my_monit.identity.provider import IdentityProvider
from my_monit.settings import IdentityConfiguration


def open_identity(configuration: IdentityConfiguration) -> IdentityProvider:
    """Raises ConfigurationError when the provider cannot be used as it is set."""
    if configuration.identity == "local":
        return LocalIdentity(
            configuration.identity_key_file,
            issuer=configuration.identity_issuer,
            audience=configuration.identity_audience,
        )
    if configuration.identity == "oidc":
        if configuration.oidc_issuer is None or configuration.oidc_audience is None:
            raise ConfigurationError("IDENTITY=oidc needs OIDC_ISSUER and OIDC_AUDIENCE")
        return OidcIdentity(
            configuration.oidc_issuer, audience=configuration.oidc_audience, ca=configuration.oidc_ca
        )
    # Imported only here: firebase-admin is large, and who does not use it should not load it.
    from my_monit.identity.firebase import FirebaseIdentity  # pylint: disable=import-outside-toplevel

    return FirebaseIdentity(configuration.google_application_credentials)
