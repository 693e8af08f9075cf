"""What speaks on the home's network: a radio's bridge, a Modbus meter, a Shelly, and a plug on the broker."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from drivers.encode import records, wmbus
from drivers.encode.modbus import Slave
from drivers.model import Address
from tests.integration.home import Host
from tests.shelly import Shelly

RADIO, MODBUS, SHELLY, BROKER = 9000, 1502, 8081, 1883
WATER = Address("wmbus", "12345678", "REL", 1, 7)
EVERY_S = 0.2
LITRES_FIRST = 612_373


class Things:
    """They speak until `close`. What the water meter shows grows by a litre each time."""

    def __init__(self, address: str) -> None:
        """In the network namespace of the thread that makes it."""
        self.said = 0
        self._address = address
        self._ended = threading.Event()
        self._plug = Client(CallbackAPIVersion.VERSION2, "plug")
        self._plug.connect_async(address, BROKER, keepalive=5)
        self._plug.reconnect_delay_set(1, 1)
        self._plug.loop_start()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._speak()), name="things at home", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._plug.loop_stop()

    async def _speak(self) -> None:
        listening: set[asyncio.StreamWriter] = set()
        slave = Slave(1, {code: dict.fromkeys(range(400), 0) for code in (3, 4)})

        async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            listening.add(writer)
            with contextlib.suppress(OSError):
                await reader.read()
            listening.discard(writer)
            writer.close()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while data := await reader.read(256):
                    writer.writelines(slave.feed(data))
            writer.close()

        async with (
            await asyncio.start_server(hear, self._address, RADIO),
            await asyncio.start_server(answer, self._address, MODBUS),
            Shelly().serving(SHELLY, self._address),
        ):
            while not self._ended.is_set():
                self.said += 1
                line = wmbus.telegram(WATER, records.volume(LITRES_FIRST + self.said), self.said & 0xFF).hex()
                for writer in listening:
                    writer.write(line.encode() + b"\n")
                power = {"ENERGY": {"Total": 436 + self.said / 1000, "Power": 298}}
                self._plug.publish("tele/four/SENSOR", json.dumps(power))
                await asyncio.sleep(EVERY_S)


@contextlib.contextmanager
def speaking(host: Host, address: str) -> Iterator[Things]:
    with host.inside():
        things = Things(address)
    try:
        yield things
    finally:
        things.close()
