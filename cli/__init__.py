"""The command line, and the only reader of argv and of the environment. `python -m cli` is `orlog`.

Nothing here is for other packages: they import eventstore and collector.
"""

__all__: list[str] = []
