"""The sections of the standards that explain bytes, and the words for what stands there as a number.

The numbers of sections are those of EN 13757-3:2018, EN 13757-4:2019 and EN 13757-7:2018, where public sources agree on
them.
"""

from drivers.model import Function
from drivers.phrase import Phrase, phrase

FORMATS = {"A": phrase("EN 13757-4, 12 frame format A"), "B": phrase("EN 13757-4, 12 frame format B")}
LINK = phrase("EN 13757-4, 12.5 link layer fields")
ELL = phrase("EN 13757-4, 13.2 extended link layer")
ELL_CONTROL = phrase("EN 13757-4, 13.2.7 communication control")
ELL_SESSION = phrase("EN 13757-4, 13.2.11 session number")
NETWORK = phrase("EN 13757-5, network layer")
CI = phrase("EN 13757-7, 5.2 CI field")
AFL = phrase("EN 13757-7, 6.3 authentication and fragmentation")
AFL_FRAGMENTATION = phrase("EN 13757-7, 6.3.2 fragmentation control")
TPL = phrase("EN 13757-7, 7.5 transport layer fields")
STATUS = phrase("EN 13757-7, 7.5.6 status byte")
CONFIGURATION = phrase("EN 13757-7, 7.5.8 configuration field")
EXTENSION = phrase("EN 13757-7, 7.7 fields of a security mode")
SECURITY = phrase("EN 13757-7, 9.4 security modes")
COMPACT = phrase("EN 13757-3, annex G compact frame")
ERRORS = phrase("EN 13757-3, 10 application errors")
ALARMS = phrase("EN 13757-3, alarms")
OWN = phrase("no standard: the manufacturer's own")
OWN_CI = phrase("EN 13757-3, 13 manufacturer's own protocol")
NOWHERE = Phrase("")
DIB = phrase("EN 13757-3, 6.3 data information block")
VIB = phrase("EN 13757-3, 6.4 value information block")
DATA = phrase("EN 13757-3, annex A data types")
LVAR = phrase("EN 13757-3, 6.3.3 data field")
PROFILE = phrase("EN 13757-3, annex F profiles")
MANUFACTURER_DATA = phrase("EN 13757-3, 6.5 manufacturer's data")

DEVICE_TYPES = {
    0x00: phrase("other"),
    0x01: phrase("oil"),
    0x02: phrase("electricity"),
    0x03: phrase("gas"),
    0x04: phrase("heat, measured in the return pipe"),
    0x05: phrase("steam"),
    0x06: phrase("warm water"),
    0x07: phrase("water"),
    0x08: phrase("heat cost allocator"),
    0x09: phrase("compressed air"),
    0x0A: phrase("cooling, measured in the return pipe"),
    0x0B: phrase("cooling, measured in the supply pipe"),
    0x0C: phrase("heat, measured in the supply pipe"),
    0x0D: phrase("heat and cooling"),
    0x0E: phrase("bus or system"),
    0x0F: phrase("unknown"),
    0x14: phrase("calorific value"),
    0x15: phrase("hot water, 90 °C and above"),
    0x16: phrase("cold water"),
    0x17: phrase("hot and cold water"),
    0x18: phrase("pressure"),
    0x19: phrase("converter of analogue values"),
    0x1A: phrase("smoke detector"),
    0x1B: phrase("room sensor"),
    0x1C: phrase("gas detector"),
    0x20: phrase("electricity breaker"),
    0x21: phrase("gas or water valve"),
    0x25: phrase("display"),
    0x28: phrase("waste water"),
    0x29: phrase("waste"),
    0x31: phrase("communication controller"),
    0x32: phrase("repeater, one way"),
    0x33: phrase("repeater, both ways"),
    0x36: phrase("radio converter, on the system's side"),
    0x37: phrase("radio converter, on the meter's side"),
    0x38: phrase("wired adapter"),
}
CONTROL_BITS = (
    (0x80, phrase("can be spoken to")),
    (0x40, phrase("answers fast")),
    (0x20, phrase("sent at a time that can be foreseen")),
    (0x10, phrase("came through a repeater")),
    (0x08, phrase("urgent")),
    (0x04, phrase("listens after this")),
    (0x02, phrase("repeater access")),
    (0x01, phrase("answers late")),
)
AFL_FIELDS = (
    (0x2000, phrase("message control")),
    (0x0200, phrase("key information")),
    (0x0800, phrase("message counter")),
    (0x0400, phrase("authentication code")),
    (0x1000, phrase("message length")),
)
MODES = {
    0: phrase("in clear"),
    2: phrase("DES-CBC"),
    3: phrase("DES-CBC, from a vector of the day"),
    5: phrase("AES-128-CBC"),
    7: phrase("AES-128-CBC, a key for each message"),
    8: phrase("AES-128-CTR with AES-CMAC"),
    9: phrase("AES-128-GCM"),
    10: phrase("AES-128-CCM, a key for each message"),
    13: phrase("TLS"),
}
ELL_MODES = {0: phrase("in clear"), 1: phrase("AES-128-CTR")}
CODINGS = {
    0x0: phrase("no data"),
    0x1: phrase("8-bit integer"),
    0x2: phrase("16-bit integer"),
    0x3: phrase("24-bit integer"),
    0x4: phrase("32-bit integer"),
    0x5: phrase("32-bit real"),
    0x6: phrase("48-bit integer"),
    0x7: phrase("64-bit integer"),
    0x8: phrase("selection for readout"),
    0x9: phrase("2 digits BCD"),
    0xA: phrase("4 digits BCD"),
    0xB: phrase("6 digits BCD"),
    0xC: phrase("8 digits BCD"),
    0xD: phrase("variable length"),
    0xE: phrase("12 digits BCD"),
}
FUNCTIONS = {
    Function.MAXIMUM: phrase("maximum"),
    Function.MINIMUM: phrase("minimum"),
    Function.ERROR: phrase("value during an error"),
}
