"""Which identity provider vouches for callers, and how they sign in there: the setting IDENTITY says it."""

from my_monit.errors import ConfigurationError
from my_monit.identity.firebase_password import FirebasePassword
from my_monit.identity.local import LocalIdentity
from my_monit.identity.oidc import OidcIdentity
from my_monit.identity.provider import IdentityProvider
from my_monit.identity.sign_in import SignIn
from my_monit.settings import IdentityConfiguration, SignInConfiguration


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

    return FirebaseIdentity(configuration.google_application_credentials, emulator=_emulator(configuration))


def open_sign_in(
    configuration: IdentityConfiguration, page: SignInConfiguration, identity: IdentityProvider
) -> SignIn:
    """Without the settings of a way, there is none. Raises ConfigurationError when they are not complete."""
    if configuration.identity == "firebase" and page.firebase_api_key is not None:
        by_password = FirebasePassword(page.firebase_api_key, emulator=_emulator(configuration))
        return SignIn(configuration.identity, by_password=by_password)
    if isinstance(identity, OidcIdentity) and page.oidc_client_id is not None:
        if page.sign_in_key is None:
            raise ConfigurationError("OIDC_CLIENT_ID needs SIGN_IN_KEY")
        # Imported only here: Authlib takes its time.
        from my_monit.identity.oidc_code import OidcCode  # pylint: disable=import-outside-toplevel

        by_code = OidcCode(
            identity, client_id=page.oidc_client_id, client_secret=page.oidc_client_secret, scope=page.oidc_scope,
            key=page.sign_in_key,
        )
        return SignIn(configuration.identity, by_code=by_code)
    return SignIn(configuration.identity)


def _emulator(configuration: IdentityConfiguration) -> str | None:
    return configuration.firebase_auth_emulator_host if configuration.mymonit_mode == "development" else None
