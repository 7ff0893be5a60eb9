from hypothesis import HealthCheck, settings

# How long an example takes, and how fast they are made, is the machine's: a busy one must not fail what is right.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
