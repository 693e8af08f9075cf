"""The pulse port: a contact on a GPIO pin, or on a control line of a serial adapter, and the pulses it gives."""

import asyncio
import contextlib
import errno
import fcntl
import struct
import termios
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from drivers.model import DecodeError, Telegram
from drivers.pulse import Counted, Counter, Edge
from gateway.ports import Sink
from gateway.ports.stream import explain

if TYPE_CHECKING:
    import gpiod
    import serial

NS = 1_000_000_000
# Told at once, then at most so often: of a kill, a fast meter loses the pulses of one second, a slow one none.
GATHER_S = 1.0
# Told at least so often, so that a line that is watched is no silent meter, and sooner while its power falls.
BEAT_S_MAX = 60.0
# The kernel keeps so many edges for us: 256 are two seconds of a contact that chatters at 128 a second.
EDGES_MAX = 256
# A control line is asked four times in the debounce time, so that a pulse half as long again is never missed.
POLLS = 0.25
POLL_S_MAX = 0.025

LINES: dict[str, int] = {
    "cts": termios.TIOCM_CTS,
    "dsr": termios.TIOCM_DSR,
    "dcd": termios.TIOCM_CD,
    "ri": termios.TIOCM_RI,
}


class Contact(Protocol):
    """An open input."""

    def level(self) -> bool:
        """What it is at now; OSError when the line is lost."""

    async def edges(self, due: float) -> Sequence[Edge]:
        """What happened, in order; nothing when it is `due` on the loop's clock. OSError when the line is lost."""

    def close(self) -> None:
        """Give the line back."""


class Input(Protocol):
    """A place where a contact can be listened to."""

    def open(self) -> Contact:
        """OSError says in one sentence why it cannot be."""

    def probe(self) -> None:
        """Open it and give it back, outside of any loop."""


class PulsePort:
    """One contact, debounced and counted. `say` takes what was counted and answers as the meter would."""

    def __init__(
        self,
        name: str,
        place: Input,
        debounce_ms: int,
        active: bool,
        say: Callable[[Counted], Telegram],
        sink: Sink,
        *,
        beat_s_max: float = BEAT_S_MAX,
    ) -> None:
        self.name = name
        self._place = place
        self._debounce_ms = debounce_ms
        self._active = active
        self._say = say
        self._sink = sink
        self._beat_s_max = beat_s_max

    async def run(self) -> None:
        contact = self._place.open()
        try:
            counter = Counter(self._debounce_ms, active=self._active)
            counter.edge(Edge(time.monotonic_ns(), contact.level()))
            self._sink.opened(self.name)
            try:
                await self._listen(contact, counter)
            finally:
                if counter.new:  # a pulled cable or a stop takes none of those that came before
                    self._tell(counter)
        finally:
            contact.close()

    async def _listen(self, contact: Contact, counter: Counter) -> None:
        told_s, beat_s = time.monotonic(), self._tell(counter)
        while True:
            due = told_s + (min(GATHER_S, beat_s) if counter.new else beat_s)
            if counter.settles_ns is not None:
                due = min(due, counter.settles_ns / NS)
            for edge in await contact.edges(due):
                if edge.lost:
                    self._sink.fault(
                        self.name, DecodeError(f"{edge.lost} changes of the contact came too fast to be seen")
                    )
                counter.edge(edge)
            self._settle(contact, counter)
            now_s = time.monotonic()
            if now_s - told_s >= (GATHER_S if counter.new else beat_s):
                told_s, beat_s = now_s, self._tell(counter)

    def _settle(self, contact: Contact, counter: Counter) -> None:
        """Believe a level that held; looked at again first, since an edge between two waits may have gone unseen."""
        now_ns = time.monotonic_ns()
        if counter.settles_ns is None or now_ns < counter.settles_ns:
            return
        level = contact.level()
        if level == counter.level:
            counter.settle(now_ns)
        else:
            counter.edge(Edge(now_ns, level, lost=1))

    def _tell(self, counter: Counter) -> float:
        """Hand on what was counted; how long until something may be said again though no pulse came."""
        counted = counter.take(time.monotonic_ns())
        self._sink.telegram(self.name, lambda: self._say(counted))
        if counted.spacing_ns is None:
            return self._beat_s_max
        return min(self._beat_s_max, max(GATHER_S, counted.spacing_ns / NS))


@dataclass(frozen=True, slots=True)
class GpioPin:
    """A pin of a GPIO chip, `gpiochip0` and 17. `pull_up`: the box holds it high, and the contact takes it to ground."""

    chip: str
    pin: int
    pull_up: bool

    def open(self) -> Contact:
        device = f"/dev/{self.chip}"
        try:
            import gpiod  # here, not above: a house without GPIO does not load it
            from gpiod.line import Bias, Clock, Direction
            from gpiod.line import Edge as Detected
        except ImportError:
            raise OSError(
                f"{device}: the Python package gpiod is not installed, and there is none ready-made for this machine"
            ) from None
        settings = gpiod.LineSettings(
            direction=Direction.INPUT,
            edge_detection=Detected.BOTH,
            bias=Bias.PULL_UP if self.pull_up else Bias.PULL_DOWN,
            event_clock=Clock.MONOTONIC,
        )
        try:
            request = gpiod.request_lines(
                device, config={self.pin: settings}, consumer="releve", event_buffer_size=EDGES_MAX
            )
        except ValueError:
            raise OSError(errno.EINVAL, f"{device}: has no pin {self.pin}") from None
        except OSError as error:
            raise OSError(error.errno, _explain_gpio(device, self.pin, error)) from None
        return _Gpio(request, self.pin)

    def probe(self) -> None:
        self.open().close()


def _explain_gpio(device: str, pin: int, error: OSError) -> str:
    match error.errno:
        case errno.ENOENT:
            return f"{device}: no such device; `ls /dev/gpiochip*` shows those that there are"
        case errno.EBUSY:
            return f"{device}: pin {pin} is in use by another program or by the system; choose another pin"
        case _:
            return explain(device, error.errno, error.strerror or str(error))


class _Gpio:
    """A requested pin: the kernel stamps each edge when it happens, and nothing wakes us in between."""

    def __init__(self, request: "gpiod.LineRequest", pin: int) -> None:
        self._request = request
        self._pin = pin
        self._seen = 0  # the kernel numbers the edges of a line from 1

    def level(self) -> bool:
        return bool(self._request.get_value(self._pin))

    async def edges(self, due: float) -> Sequence[Edge]:
        await _readable(self._request.fd, due)
        found = []
        while self._request.wait_edge_events(0):
            for event in self._request.read_edge_events(EDGES_MAX):
                lost = event.line_seqno - self._seen - 1
                self._seen = event.line_seqno
                rising = event.event_type is event.Type.RISING_EDGE
                found.append(Edge(event.timestamp_ns, rising, max(0, lost)))
        return found

    def close(self) -> None:
        self._request.release()


async def _readable(descriptor: int, due: float) -> None:
    """Until there is something to read, or it is due."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await ready.wait()
    finally:
        loop.remove_reader(descriptor)


@dataclass(frozen=True, slots=True)
class SerialControl:
    """A control line of a serial adapter; nothing is sent or read on it. RTS and DTR stay on, to feed the contact."""

    device: str
    line: str
    debounce_ms: int

    def open(self) -> Contact:
        return _Control(self._opened(), self.device, LINES[self.line], min(POLL_S_MAX, self.debounce_ms / 1000 * POLLS))

    def probe(self) -> None:
        self._opened().close()

    def _opened(self) -> "serial.Serial":
        import serial

        try:  # pyserial opens with CLOCAL: else a falling DCD would hang the line up
            opened = serial.Serial(self.device, timeout=0, exclusive=True)
        except serial.SerialException as error:
            raise OSError(error.errno, explain(self.device, error.errno, str(error))) from None
        except termios.error as error:
            raise OSError(error.args[0], f"{self.device}: not a serial line ({error.args[1]})") from None
        try:
            modem_bits(opened.fileno())
            opened.rts = opened.dtr = True
        except OSError as error:
            opened.close()
            why = "has no control lines" if error.errno in (errno.ENOTTY, errno.EINVAL) else error.strerror
            raise OSError(error.errno, f"{self.device}: {why}") from None
        return opened


def modem_bits(descriptor: int) -> int:
    """The control lines that are on now (TIOCMGET)."""
    return int(struct.unpack("I", fcntl.ioctl(descriptor, termios.TIOCMGET, bytes(4)))[0])


class _Control:
    """An open adapter. A thread asks for its lines at a fixed pace, since asking may take a USB round trip.

    The kernel could say when a line changes (TIOCMIWAIT), but an adapter's driver may take the question and never
    answer it, which would be a meter that stands still for no reason; and nothing ends such a wait.
    """

    def __init__(self, opened: "serial.Serial", device: str, bit: int, pace_s: float) -> None:
        self._serial = opened
        self._descriptor = opened.fileno()
        self._device = device
        self._bit = bit
        self._pace_s = pace_s
        self._loop = asyncio.get_running_loop()
        self._level = bool(modem_bits(self._descriptor) & bit)
        self._news: deque[Edge] = deque(maxlen=EDGES_MAX)
        self._fault: OSError | None = None
        self._ready = asyncio.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"contact {device}", daemon=True)
        self._thread.start()

    def level(self) -> bool:
        return self._level

    async def edges(self, due: float) -> Sequence[Edge]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await self._ready.wait()
        self._ready.clear()
        found = list(self._news)
        self._news.clear()
        if not found and self._fault is not None:
            raise OSError(self._fault.errno, f"{self._device}: unplugged ({self._fault.strerror})")
        return found

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        self._serial.close()

    def _watch(self) -> None:
        level = self._level
        try:
            while not self._closed.wait(self._pace_s):
                now = bool(modem_bits(self._descriptor) & self._bit)
                if now != level:
                    level = now
                    self._post(Edge(time.monotonic_ns(), level))
        except OSError as error:
            self._post(error)

    def _post(self, news: Edge | OSError) -> None:
        with contextlib.suppress(RuntimeError):  # no loop any more: the program ends
            self._loop.call_soon_threadsafe(self._take, news)

    def _take(self, news: Edge | OSError) -> None:
        if isinstance(news, OSError):
            self._fault = news
        else:
            self._level = news.level
            self._news.append(news)
        self._ready.set()
