"""What the Adafruit driver does with the reader on the pty named by its first argument."""

import sys
from importlib.metadata import version

import serial
from adafruit_pn532.uart import PN532_UART

PATIENCE_S = 150


def main(path):
    print(f"adafruit-circuitpython-pn532 {version('adafruit-circuitpython-pn532')}")
    chip = PN532_UART(serial.Serial(path, baudrate=115200, timeout=0.3), debug=False)
    print("chip:", bytes(chip.firmware_version).hex())
    chip.SAM_configuration()
    print("uid:", chip.read_passive_target(timeout=PATIENCE_S).hex())

    def card(text):
        params = b"\x01" + bytes.fromhex(text)
        said = chip.call_function(0x40, response_length=64, params=params, timeout=PATIENCE_S)
        return bytes(said).hex()

    print("select:", card("5A10480F"))
    print("credit:", card("0C0164000000"))
    print("commit:", card("C7"))
    print("value:", card("6C01"))
    print("wrapped:", card("906C0000010100"))


main(*sys.argv[1:])
