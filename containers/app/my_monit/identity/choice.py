"""Which identity provider vouches for callers: the setting IDENTITY says it."""

from my_monit.identity.local import LocalIdentity
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
    # Imported only here: firebase-admin is large, and who does not use it should not load it.
    from my_monit.identity.firebase import FirebaseIdentity  # pylint: disable=import-outside-toplevel

    return FirebaseIdentity(configuration.google_application_credentials)
