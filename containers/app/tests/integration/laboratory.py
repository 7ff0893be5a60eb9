"""The laboratory that these tests imagine. What is personal in it begins with "canary": no log line may show it."""

from dataclasses import dataclass

from my_monit.model import Experiment, Role, User
from my_monit.storage.ports import Unit
from tests.measures import NewMeasure, by_origin

CANARY = "canary"
#: 2022-04-06T07:00:00Z in nanoseconds since 1970.
MORNING = 1_649_228_400_000_000_000
SECOND = 1_000_000_000


def person(user_id: str, role: Role, *, active: bool = True) -> User:
    return User(
        user_id, name=f"Canary-{user_id} Smith", username=f"canary-uid-{user_id}",
        email=f"canary-{user_id}@example.org", role=role, active=active,
    )


ADA = person("A001", Role.ADMIN)
SAM = person("S001", Role.SCIENTIST)
SUE = person("S002", Role.SCIENTIST)
UMA = person("U001", Role.AUDITOR)
INA = person("S009", Role.SCIENTIST, active=False)


@dataclass(frozen=True)
class Laboratory:
    """SAM measures vibrations, SUE black holes. A vibration has been measured three times, in hertz."""

    vibrations: Experiment
    black_holes: Experiment
    publisher_id: int


def furnish(unit: Unit) -> Laboratory:
    for user in (ADA, SAM, SUE, UMA, INA):
        unit.users.add(user)
    laboratory = Laboratory(
        unit.experiments.add("device-vibrations"),
        unit.experiments.add("black-holes"),
        unit.messages.publisher_id(b"adapter"),
    )
    unit.associations.add(laboratory.vibrations.experiment_id, SAM.user_id, until=None)
    unit.associations.add(laboratory.black_holes.experiment_id, SUE.user_id, until=None)
    hertz = unit.measure_types.by_name(["hertz"])["hertz"].measure_type_id
    series_id = unit.series.find_or_add(laboratory.vibrations.experiment_id, hertz, "")
    unit.measures.add(by_origin(
        NewMeasure(series_id, MORNING + number * SECOND, 12.5 + number, laboratory.publisher_id) for number in range(3)
    ))
    return laboratory
