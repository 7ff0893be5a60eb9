"""The collector of cyclic garbage, told that deliveries are many, live for a while, and form no cycles.

At the interpreter's default it looks at all of those under way again and again: a seventh of the listener's CPU.
"""

import gc

#: Objects made and not yet freed between two looks: those of some thousand messages. Python's own number is 700.
LOOK_AFTER_OBJECTS = 50_000


def look_less_often() -> None:
    """In the whole process; what is there already is never looked at again."""
    gc.freeze()
    gc.set_threshold(LOOK_AFTER_OBJECTS)
