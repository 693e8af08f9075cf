"""Runs what the world may break, and starts it again. What we broke ends the process."""

import asyncio
import random
from collections.abc import Awaitable, Callable

RETRY_S_MIN = 0.5
RETRY_S_MAX = 5.0


async def keep_running(
    run: Callable[[], Awaitable[None]],
    lost: Callable[[str], None],
    *,
    pause_s_max: float = RETRY_S_MAX,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Run for ever: after OSError or TimeoutError say so to `lost` and try again within `pause_s_max`.

    A run that lasted resets the pause. Any other exception is a bug and passes through.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    pause_s = RETRY_S_MIN
    while True:
        began = loop.time()
        try:
            await run()
            lost("ended")
        except TimeoutError as error:
            lost(str(error) or "no answer in time")
        except OSError as error:
            lost(error.strerror or str(error))
        # A library may answer a cancellation with the error that came at the same moment (asyncio.wait_for of Python
        # 3.11 does): a stop must not be lost in it.
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        if loop.time() - began > pause_s_max:
            pause_s = RETRY_S_MIN
        await sleep(pause_s * random.uniform(0.8, 1.0))  # noqa: S311 - jitter, not a secret
        pause_s = min(2 * pause_s, pause_s_max)
