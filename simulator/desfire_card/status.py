"""Status bytes of the card and the refusal that carries one of them."""

OK = 0x00
NO_CHANGES = 0x0C
OUT_OF_MEMORY = 0x0E
ILLEGAL_COMMAND = 0x1C
INTEGRITY = 0x1E
NO_SUCH_KEY = 0x40
LENGTH = 0x7E
PERMISSION_DENIED = 0x9D
PARAMETER = 0x9E
APPLICATION_NOT_FOUND = 0xA0
AUTHENTICATION = 0xAE
MORE_FRAMES = 0xAF
BOUNDARY = 0xBE
COMMAND_ABORTED = 0xCA
COUNT = 0xCE
DUPLICATE = 0xDE
FILE_NOT_FOUND = 0xF0

NAMES = {
    OK: "ok",
    NO_CHANGES: "no changes",
    OUT_OF_MEMORY: "out of memory",
    ILLEGAL_COMMAND: "illegal command",
    INTEGRITY: "integrity",
    NO_SUCH_KEY: "no such key",
    LENGTH: "length",
    PERMISSION_DENIED: "permission denied",
    PARAMETER: "parameter",
    APPLICATION_NOT_FOUND: "no such application",
    AUTHENTICATION: "authentication",
    MORE_FRAMES: "more frames",
    BOUNDARY: "boundary",
    COMMAND_ABORTED: "command aborted",
    COUNT: "count",
    DUPLICATE: "duplicate",
    FILE_NOT_FOUND: "file not found",
}


class Refused(Exception):
    """The card answers with an error status; the running transaction is lost."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status:02X} {NAMES.get(status, '?')}")
        self.status = status
