"""A1 to A4 of the list of faults, for each identity provider: a forged token is refused, and nobody is asked about it.

The ids are those of the list. A token may name a server that would vouch for it: that one is there, and would. Firebase
is its own library here, with a stand-in for Google, since the emulator signs nothing: what that one can show is in
tests/emulator.
"""

from collections.abc import Iterator
from itertools import permutations

import jwt
import pytest
import requests

from my_monit.errors import Unauthenticated
from tests.connections import connections
from tests.unit.forged_tokens import forged
from tests.unit.issuer_stand_in import UID, Issuer, issuer_stand_in
from tests.unit.vouching import PROVIDERS, Vouching, all_providers

#: For each provider.
LEAST_KINDS = 40
CASES = [(provider, kind) for provider in PROVIDERS for kind in forged(provider)]


@pytest.fixture(name="attacker", scope="module")
def issuer_that_is_not_ours() -> Iterator[Issuer]:
    with issuer_stand_in() as attacker:
        yield attacker


@pytest.fixture(name="vouchings", scope="module")
def providers_that_were_asked_before(
    attacker: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Vouching]]:
    """What they ask for once, and keep, they have by then."""
    with all_providers(tmp_path_factory.mktemp("keys"), attacker) as vouchings:
        for vouching in vouchings.values():
            vouching.identity.verify(vouching.forger.good)
        yield vouchings


def is_refused(vouching: Vouching, token: str) -> bool:
    """In the one way in which all of them are, and without asking anybody."""
    with connections() as made, pytest.raises(Unauthenticated) as refused:
        vouching.identity.verify(token)
    return str(refused.value) == "the token is not valid" and not made


@pytest.mark.parametrize(("provider", "kind"), CASES, ids=[f"{provider}-{kind}" for provider, kind in CASES])
def test_a_forged_token_is_refused_and_leads_nowhere(
    provider: str, kind: str, vouchings: dict[str, Vouching], attacker: Issuer
) -> None:
    token = forged(provider)[kind](vouchings[provider].forger)

    assert is_refused(vouchings[provider], token)
    assert not attacker.requests


@pytest.mark.parametrize(("issued", "shown"), list(permutations(PROVIDERS, 2)))
def test_a_good_token_of_one_provider_is_worth_nothing_at_another_a4(
    issued: str, shown: str, vouchings: dict[str, Vouching]
) -> None:
    assert is_refused(vouchings[shown], vouchings[issued].token(UID))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_good_token_that_all_forged_ones_were_made_from_is_accepted(
    provider: str, vouchings: dict[str, Vouching]
) -> None:
    forger, identity = vouchings[provider].forger, vouchings[provider].identity
    tokens = (forger.good, forger.with_claims(), forger.with_header())

    assert {identity.verify(token).username for token in tokens} == {UID}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_of_every_fault_there_are_kinds_and_forty_in_all(provider: str) -> None:
    kinds = forged(provider)

    assert {kind.partition("-")[0] for kind in kinds} == {"A1", "A2", "A3", "A4"}
    assert len(kinds) >= LEAST_KINDS


@pytest.mark.parametrize("provider", PROVIDERS)
def test_who_believed_what_a_token_says_of_its_key_would_be_taken_in_and_be_seen(
    provider: str, vouchings: dict[str, Vouching], attacker: Issuer
) -> None:
    """What the forged ones are worth: the server that they name has the key that verifies them."""
    forger = vouchings[provider].forger
    token = forger.from_attacker(jku=f"{attacker.url}/keys")
    header = jwt.get_unverified_header(token)

    with connections() as made:
        keys = jwt.PyJWKSet.from_dict(requests.get(header["jku"], timeout=10).json()).keys
    asked = [attacker.requests.pop() for _ in attacker.requests[:]]
    fitting = [key for key in keys if key.algorithm_name == header["alg"]]

    assert jwt.decode(token, fitting[0], [header["alg"]], options={"verify_aud": False})["sub"] == UID
    assert asked == ["/keys"] and set(made) == {attacker.url.removeprefix("http://")}
