"""The time, asked in one place, so that a test can bring its own."""

import time


class Clock:
    """The box's clock: UTC, and a count that no correction of the clock can turn back."""

    def now(self) -> int:
        """Whole UTC seconds."""
        return int(time.time())

    def now_ms(self) -> int:
        """UTC milliseconds, for the live view."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds since some moment, for waiting and silence."""
        return time.monotonic()
