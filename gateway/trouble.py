"""What stops a command: one sentence that says what is wrong and what to do."""


class Trouble(Exception):  # noqa: N818 - not always an error of the program: a full disk, a missing cable
    """The input or the world was wrong. The command line prints it on standard error and ends with 1."""
