from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Summary:
    """What became of this run's measurements. Counted by one thread, shown by another."""

    numbers: int = 0
    rejected: int = 0
    missing: int = 0
    confirmed: int = 0
    kept: int = 0  # messages that wait in the spool for the next start
    error: Exception | None = None

    def __str__(self) -> str:
        return (
            f"read {self.numbers + self.rejected}, confirmed {self.confirmed}, "
            f"not confirmed {self.numbers - self.confirmed}, rejected {self.rejected}, missing {self.missing}"
        )

    @property
    def all_well(self) -> bool:
        return self.error is None and not self.rejected and not self.kept and self.confirmed == self.numbers
