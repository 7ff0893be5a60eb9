class AdapterError(Exception):
    """Whatever ends the adapter; its text is one line that says what to do."""


class SettingsError(AdapterError):
    """A setting is missing or makes no sense."""


class InputError(AdapterError):
    """The instrument's output cannot be read."""


class PublishingFailed(AdapterError):
    """The broker will not take these measurements, however often they are tried."""


class PublishingStopped(AdapterError):
    """Nothing more is accepted: the adapter is coming to its end."""


class SpoolError(AdapterError):
    """Messages cannot be kept on disk."""


class SpoolFull(SpoolError):
    """There is no room at present; it may come."""
