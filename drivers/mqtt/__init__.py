"""Things on the owner's MQTT broker: Zigbee2MQTT, Tasmota, Shelly, ESPHome, wmbusmeters, rtl_433, or what a mapping names."""

from drivers.mqtt.message import Message
from drivers.mqtt.things import TOPICS, Things

__all__ = ["TOPICS", "Message", "Things"]
