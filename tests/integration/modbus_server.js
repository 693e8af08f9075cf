// A Modbus TCP server that is none of ours: modbus-serial answers. `node modbus_server.js MODULES PORT FILE`, with the FILE
// of libmodbus_slave.py: JSON of unit, then function code (3 or 4), then address, then the word; holes hold 0.
const fs = require("fs");
const path = require("path");

const [modules, port, file] = process.argv.slice(2);
const { ServerTCP } = require(path.join(modules, "modbus-serial"));
const units = JSON.parse(fs.readFileSync(file, "utf8"));

function words(functionCode) {
    return (address, unit) => {
        const held = (units[unit] || {})[functionCode] || {};
        const addresses = Object.keys(held).map(Number);
        if (address < Math.min(...addresses) || address > Math.max(...addresses)) {
            throw { modbusErrorCode: 2 };
        }
        return held[address] || 0;
    };
}

const registers = { getHoldingRegister: words("3"), getInputRegister: words("4") };
new ServerTCP(registers, { host: "127.0.0.1", port: Number(port), unitID: 255 });
