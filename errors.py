"""The two errors that a user of tworate is meant to read."""


class InputError(ValueError):
    """What the user gave cannot be used: says where, what was wrong, and what to do.

    The command line prints it as one line and exits with status 2.
    """


class JobError(RuntimeError):
    """The input was fine, but the work could not be done.

    The command line prints it as one line and exits with status 1.
    """
