"""Which answers we expect of a DESFire EV1 to which command, and what each of them rests on.

The simulator's card gives exactly these (`tornello sim card coverage`); `tornello card
check-silicon` asks a real one.

A cell is a command and a status. Evidence, as in desfire.md: S libfreefare's suite, run on real
cards; T a transcript of a real card; L libfreefare's source; P public text; ? our decision.
Commands of ISO 7816 are named "iso A4"; their status is a word of two bytes.
"""

import re

# Every native command may come while a chained one is unfinished: CA, [P] like the table says.
_TABLE = """
0A Authenticate D40         AF:S 00:S 7E:P 40:P AE:S CA:P
1A Authenticate ISO         AF:S 00:S 7E:P 40:P AE:S CA:P
AA Authenticate AES         AF:T 00:T 7E:P 40:P AE:S CA:P
54 ChangeKeySettings        00:S 7E:P 9D:P AE:S 1E:P CA:P
5C SetConfiguration         00:L 7E:P 9D:? 9E:P AE:P 1E:P CA:P
C4 ChangeKey                00:T 7E:P 40:P 9D:P AE:S 1E:P CA:P
64 GetKeyVersion            00:T 7E:P 40:P CA:P
45 GetKeySettings           00:S 7E:P AE:P CA:P
CA CreateApplication        00:S 7E:P 9D:? 9E:P AE:S DE:S CE:P 0E:P CA:P
DA DeleteApplication        00:S 7E:P 9D:? AE:P A0:S CA:P
5A SelectApplication        00:S 7E:P A0:S CA:P
6A GetApplicationIDs        00:S AF:P 7E:P 9D:? AE:S CA:P
6D GetDFNames               00:L AF:L 7E:P 9D:? AE:P CA:P
6E FreeMem                  00:S 7E:P CA:P
FC FormatPICC               00:T 7E:P 9D:P AE:P CA:P
60 GetVersion               00:T AF:T 7E:P CA:P
51 GetCardUID               00:S 7E:P AE:P CA:P
6F GetFileIDs               00:S 7E:P 9D:? AE:P CA:P
61 GetISOFileIDs            00:S 7E:P 9D:? AE:P CA:P
F5 GetFileSettings          00:S 7E:P 9D:? AE:P F0:P CA:P
5F ChangeFileSettings       00:S 7E:P 9D:P 9E:P AE:P F0:P 1E:P CA:P
CD CreateStdDataFile        00:T 7E:P 9D:? 9E:P AE:P DE:P 0E:P CA:P
CB CreateBackupDataFile     00:S 7E:P 9D:? 9E:P AE:P DE:P 0E:P CA:P
CC CreateValueFile          00:S 7E:P 9D:? 9E:P AE:P DE:P 0E:P CA:P
C1 CreateLinearRecordFile   00:S 7E:P 9D:? 9E:P AE:P DE:P 0E:P CA:P
C0 CreateCyclicRecordFile   00:S 7E:P 9D:? 9E:P AE:P DE:P 0E:P CA:P
DF DeleteFile               00:S 7E:P 9D:? AE:P F0:P CA:P
BD ReadData                 00:S AF:S 7E:P 9D:P AE:S F0:P BE:P CA:P
3D WriteData                00:S AF:S 7E:P 9D:S 9E:P AE:S F0:P BE:P 1E:P CA:P
6C GetValue                 00:S 7E:P 9D:P AE:P F0:P CA:P
0C Credit                   00:S 7E:P 9D:P 9E:S AE:P F0:P BE:S 1E:P CA:P
DC Debit                    00:S 7E:P 9D:P 9E:S AE:P F0:P BE:S 1E:P CA:P
1C LimitedCredit            00:S 7E:P 9D:? 9E:S AE:P F0:P BE:S 1E:P CA:P
3B WriteRecord              00:S AF:S 7E:P 9D:S 9E:P AE:P F0:P BE:P 1E:P CA:P
BB ReadRecords              00:S AF:S 7E:P 9D:P AE:P F0:P BE:S CA:P
EB ClearRecordFile          00:S 7E:P 9D:P AE:P F0:P CA:P
C7 CommitTransaction        00:S 7E:P 0C:P CA:P
A7 AbortTransaction         00:S 7E:P 0C:P CA:P
AF AdditionalFrame          7E:P 1C:?
-- any other code           1C:P CA:P 7E:P
iso A4 SELECT               9000:T 6A82:S 6700:? 6A86:?
iso B0 READ BINARY          9000:P 6282:? 6700:? 6981:? 6982:? 6986:? 6A82:? 6B00:?
iso D6 UPDATE BINARY        9000:P 6700:? 6981:? 6982:? 6986:? 6A82:? 6A84:? 6B00:?
iso B2 READ RECORDS         9000:? 6700:? 6981:? 6982:? 6986:? 6A82:? 6A83:? 6A86:?
iso E2 APPEND RECORD        9000:? 6700:? 6981:? 6982:? 6986:? 6A82:? 6A84:? 6A86:?
iso 84 GET CHALLENGE          9000:T 6700:?
iso 82 EXTERNAL AUTHENTICATE  9000:T 6700:? 6982:P 6985:? 6A86:? 6A88:?
iso 88 INTERNAL AUTHENTICATE  9000:T 6700:? 6985:? 6A86:? 6A88:?
iso -- any other            6D00:? 6700:?
"""

# Statuses desfire.md lists and the model never gives: they report broken silicon.
NEVER_GIVEN = {
    "A1": "application integrity",
    "C1": "PICC integrity",
    "CD": "PICC disabled",
    "EE": "EEPROM",
    "F1": "file integrity",
}

Cell = tuple[str, str]  # command as in NAMES, status in hex


def _rows() -> list[tuple[str, str, dict[str, str]]]:
    rows = []
    for line in _TABLE.strip().splitlines():
        match = re.match(r"((?:iso )?\S\S) (.*?)\s{2,}(.*)", line)
        assert match, line
        cells = dict(cell.split(":") for cell in match.group(3).split())
        rows.append((match.group(1), match.group(2), cells))
    return rows


NAMES: dict[str, str] = {command: name for command, name, _ in _rows()}
EVIDENCE: dict[Cell, str] = {
    (command, status): tag for command, _, cells in _rows() for status, tag in cells.items()
}
