"""One trial for each cell of silicon_answers.py: command, status, scene, steps.

The last step must bring `status`: on the simulator's card (simulator/desfire_trials.py, which tells
the language of steps) and on a real one (silicon_bench.py). Lines about CA (another command while a
chained one is unfinished) are made from COMPLETE, one for each command.
"""

_TRIALS = """
0A AF blank | 0A00
0A 00 blank | @d40
0A 7E blank | 0A
0A 40 blank | 0A01
0A AE card  | 0A00
1A AF blank | 1A00
1A 00 blank | @iso
1A 7E blank | 1A0000
1A 40 blank | 1A01
1A AE blank | 1A00; AF 00000000000000000000000000000000
AA AF card  | AA00
AA 00 card  | @picc
AA 7E card  | AA00; AF 00
AA 40 card  | AA07
AA AE blank | AA00
54 00 card  | @picc; @enc 54 - 0B
54 7E card  | @picc; 54 00
54 9D frozen| 5A000000; @app; @auth 00; @enc 54 - F0; @app; @auth 00; @enc 54 - FF
54 AE card  | 54 0000000000000000
54 1E card  | @picc; 54 00000000000000000000000000000000
5C 00 card  | @picc; @enc 5C 00 00
5C 7E card  | 5C
5C 9D card  | @app; 5C 00 00
5C 9E card  | @picc; 5C 07 00
5C AE card  | 5C 00 00
5C 1E card  | @picc; 5C 00 00000000000000000000000000000000
C4 00 card  | @picc; @key 80 00000000000000000000000000000000
C4 7E card  | @picc; C4 80
C4 40 card  | @app; @auth 00; C4 05 0000000000000000000000000000000000000000000000000000000000000000
C4 9D frozen| @app; @auth 00; C4 00 0000000000000000000000000000000000000000000000000000000000000000
C4 AE card  | C4 80 0000000000000000000000000000000000000000000000000000000000000000
C4 1E card  | @picc; C4 80 0000000000000000000000000000000000000000000000000000000000000000
64 00 card  | 6400
64 7E card  | 64
64 40 card  | 6401
45 00 card  | 45
45 7E card  | 45 00
45 AE closed| 45
CA 00 card  | CA 010000 0F 85
CA 7E card  | CA 010000 0F
CA 9D card  | @app; CA 010000 0F 85
CA 9E card  | CA 010000 0F 8F
CA AE closed| CA 010000 0F 85
CA DE card  | CA 10480F 0F 85
CA CE many  | CA AABBCC 0F 85
CA 0E full  | CA 010000 0F 85
DA 00 card  | @picc; @plain DA 10480F
DA 7E card  | DA 1048
DA 9D closed| @app; DA 020000
DA AE card  | DA 10480F
DA A0 card  | @picc; DA 990000
5A 00 card  | 5A 10480F
5A 7E card  | 5A
5A A0 card  | 5A 990000
6A 00 card  | 6A
6A AF many  | 6A
6A 7E card  | 6A 00
6A 9D card  | @app; 6A
6A AE closed| 6A
6D 00 blank | 6D
6D AF card  | 6D
6D 7E card  | 6D 00
6D 9D card  | @app; 6D
6D AE closed| 6D
6E 00 card  | 6E
6E 7E card  | 6E 00
FC 00 card  | @picc; @plain FC -
FC 7E card  | FC 00
FC 9D fixed | @picc; FC
FC AE card  | FC
60 00 card  | 60; AF; AF
60 AF card  | 60
60 7E card  | 60; AF 00
51 00 card  | @picc; 51
51 7E card  | 51 00
51 AE card  | 51
6F 00 card  | @app; 6F
6F 7E card  | @app; 6F 00
6F 9D card  | 6F
6F AE closed| @app; 6F
61 00 card  | @app; 61
61 7E card  | @app; 61 00
61 9D card  | 61
61 AE closed| @app; 61
F5 00 card  | @app; F5 01
F5 7E card  | @app; F5
F5 9D card  | F5 01
F5 AE closed| @app; F5 01
F5 F0 card  | @app; F5 1F
5F 00 card  | @app; 5F 02 00 EEEE
5F 7E card  | @app; 5F
5F 9D card  | @app; 5F 07 00 EEEE
5F 9E card  | @app; 5F 02 04 EEEE
5F AE card  | @app; 5F 06 00 EEEE
5F F0 card  | @app; 5F 1F 00 EEEE
5F 1E card  | @app; @auth 01; 5F 06 00000000000000000000000000000000
CD 00 card  | @app; CD 15 00 EEEE 100000
CD 7E card  | @app; CD 15
CD 9D card  | CD 15 00 EEEE 100000
CD 9E card  | @app; CD 20 00 EEEE 100000
CD AE closed| @app; CD 15 00 EEEE 100000
CD DE card  | @app; CD 02 00 EEEE 100000
CD 0E card  | @app; CD 15 00 EEEE FFFF00
CB 00 card  | @app; CB 15 00 EEEE 100000
CB 7E card  | @app; CB 15
CB 9D card  | CB 15 00 EEEE 100000
CB 9E card  | @app; CB 15 00 EEEE 000000
CB AE closed| @app; CB 15 00 EEEE 100000
CB DE card  | @app; CB 15 0220 00 EEEE 100000
CB 0E full  | @app; CB 15 00 EEEE 100000
CC 00 card  | @app; CC 15 00 EEEE 00000000 10000000 05000000 00
CC 7E card  | @app; CC 15
CC 9D card  | CC 15 00 EEEE 00000000 10000000 05000000 00
CC 9E card  | @app; CC 15 00 EEEE 00000000 10000000 11000000 00
CC AE closed| @app; CC 15 00 EEEE 00000000 10000000 05000000 00
CC DE card  | @app; CC 02 00 EEEE 00000000 10000000 05000000 00
CC 0E full  | @app; CC 15 00 EEEE 00000000 10000000 05000000 00
C1 00 card  | @app; C1 15 00 EEEE 0A0000 030000
C1 7E card  | @app; C1 15
C1 9D card  | C1 15 00 EEEE 0A0000 030000
C1 9E card  | @app; C1 15 00 EEEE 000000 030000
C1 AE closed| @app; C1 15 00 EEEE 0A0000 030000
C1 DE card  | @app; C1 02 00 EEEE 0A0000 030000
C1 0E card  | @app; C1 15 00 EEEE FF0000 FF0000
C0 00 card  | @app; C0 15 00 EEEE 0A0000 030000
C0 7E card  | @app; C0 15
C0 9D card  | C0 15 00 EEEE 0A0000 030000
C0 9E card  | @app; C0 15 00 EEEE 0A0000 010000
C0 AE closed| @app; C0 15 00 EEEE 0A0000 030000
C0 DE card  | @app; C0 02 00 EEEE 0A0000 030000
C0 0E full  | @app; C0 15 00 EEEE 0A0000 030000
DF 00 card  | @app; DF 02
DF 7E card  | @app; DF
DF 9D card  | DF 02
DF AE closed| @app; DF 02
DF F0 card  | @app; DF 1F
BD 00 card  | @app; BD 02 000000 100000
BD AF card  | @app; BD 02 000000 000000
BD 7E card  | @app; BD 02
BD 9D card  | @app; BD 07 000000 100000
BD AE card  | @app; BD 06 000000 100000
BD F0 card  | @app; BD 1F 000000 100000
BD BE card  | @app; BD 02 600000 100000
3D 00 card  | @app; 3D 02 000000 020000 AABB
3D AF card  | @app; 3D 02 000000 030000 AABB
3D 7E card  | @app; 3D 02 000000 010000 AABB
3D 9D card  | @app; 3D 07 000000 010000 AA
3D 9E card  | @app; 3D 02 000000 000000
3D AE card  | @app; 3D 06 000000 010000 AA
3D F0 card  | @app; 3D 1F 000000 010000 AA
3D BE card  | @app; 3D 02 640000 010000 AA
3D 1E card  | @app; @auth 01; 3D 06 000000 010000 00000000000000000000000000000000
6C 00 card  | @app; 6C 01
6C 7E card  | @app; 6C
6C 9D card  | @app; 6C 0A
6C AE card  | @app; 6C 08
6C F0 card  | @app; 6C 1F
0C 00 card  | @app; 0C 01 01000000
0C 7E card  | @app; 0C 01
0C 9D card  | @app; 0C 0A 01000000
0C 9E card  | @app; 0C 01 FFFFFFFF
0C AE card  | @app; 0C 08 01000000
0C F0 card  | @app; 0C 1F 01000000
0C BE card  | @app; 0C 01 F5010000
0C 1E card  | @app; @auth 01; 0C 08 00000000000000000000000000000000
DC 00 card  | @app; DC 01 01000000
DC 7E card  | @app; DC 01
DC 9D card  | @app; DC 0A 01000000
DC 9E card  | @app; DC 01 FFFFFFFF
DC AE card  | @app; DC 08 01000000
DC F0 card  | @app; DC 1F 01000000
DC BE card  | @app; DC 01 F5010000
DC 1E card  | @app; @auth 01; DC 08 00000000000000000000000000000000
1C 00 card  | @app; 1C 01 01000000
1C 7E card  | @app; 1C 01
1C 9D card  | @app; 1C 0C 01000000
1C 9E card  | @app; 1C 01 FFFFFFFF
1C AE card  | @app; 1C 08 01000000
1C F0 card  | @app; 1C 1F 01000000
1C BE card  | @app; 1C 01 65000000
1C 1E card  | @app; @auth 01; 1C 08 00000000000000000000000000000000
3B 00 card  | @app; 3B 04 000000 0A0000 30313233343536373839
3B AF card  | @app; 3B 04 000000 0A0000 3031
3B 7E card  | @app; 3B 04
3B 9D card  | @app; EB 04; 3B 04 000000 020000 3031
3B 9E card  | @app; 3B 04 000000 000000
3B AE card  | @app; 3B 09 000000 020000 3031
3B F0 card  | @app; 3B 1F 000000 020000 3031
3B BE card  | @app; 3B 0E 000000 020000 3031
3B 1E card  | @app; @auth 01; 3B 09 000000 010000 00000000000000000000000000000000
BB 00 card  | @app; BB 04 000000 010000
BB AF card  | @app; C1 16 00 EEEE 500000 010000; 3B 16 000000 010000 AA; C7; BB 16 000000 000000
BB 7E card  | @app; BB 04
BB 9D card  | @app; BB 0B 000000 010000
BB AE card  | @app; BB 09 000000 010000
BB F0 card  | @app; BB 1F 000000 010000
BB BE card  | @app; BB 04 010000 010000
EB 00 card  | @app; EB 04
EB 7E card  | @app; EB
EB 9D card  | @app; EB 0B
EB AE card  | @app; EB 09
EB F0 card  | @app; EB 1F
C7 00 card  | @app; 0C 01 01000000; C7
C7 7E card  | @app; 0C 01 01000000; C7 00
C7 0C card  | @app; C7
A7 00 card  | @app; 0C 01 01000000; A7
A7 7E card  | @app; 0C 01 01000000; A7 00
A7 0C card  | @app; A7
AF 1C card  | AF
-- 1C card  | 77
-- CA card  | 60; 77
iso A4 9000 card | 00A4040007 D2760000850100
iso A4 6A82 card | 00A4040003 414243
iso A4 6700 card | 00A4000001 10
iso A4 6A86 card | 00A4070000
iso B0 9000 card | @app; 00A4000002 2002; 00B0000004
iso B0 6282 card | @app; 00A4000002 2003; 00B0001E04
iso B0 6700 card | @app; 00B0000002 AABB
iso B0 6981 card | @app; 00A4000002 2004; 00B0000004
iso B0 6982 card | @app; 00A4000002 2006; 00B0000004
iso B0 6986 card | @app; 00B0000004
iso B0 6A82 card | @app; 00B09F0004
iso B0 6B00 card | @app; 00A4000002 2003; 00B0002004
iso D6 9000 card | @app; 00A4000002 2002; 00D6000002 AABB
iso D6 6700 card | @app; 00A4000002 2002; 00D60000
iso D6 6981 card | @app; 00A4000002 2004; 00D6000002 AABB
iso D6 6982 card | @app; 00A4000002 2006; 00D6000002 AABB
iso D6 6986 card | @app; 00D6000002 AABB
iso D6 6A82 card | @app; 00D69F0002 AABB
iso D6 6A84 card | @app; 00A4000002 2003; 00D6001F02 AABB
iso D6 6B00 card | @app; 00A4000002 2003; 00D6002002 AABB
iso B2 9000 card | @app; 00A4000002 2004; 00B2010400
iso B2 6700 card | 00B2010403 AA
iso B2 6981 card | @app; 00A4000002 2002; 00B2010400
iso B2 6982 card | @app; 00A4000002 2009; 00B2010400
iso B2 6986 card | @app; 00B2010400
iso B2 6A82 card | @app; 00B201FC00
iso B2 6A83 card | @app; 00A4000002 2004; 00B2050400
iso B2 6A86 card | @app; 00A4000002 2004; 00B2010700
iso E2 9000 card | @app; 00A4000002 2004; 00E200000A 30313233343536373839
iso E2 6700 card | @app; 00A4000002 2004; 00E2000002 3031
iso E2 6981 card | @app; 00A4000002 2002; 00E2000002 3031
iso E2 6982 card | @app; 00A4000002 2009; 00E2000002 3031
iso E2 6986 card | @app; 00E2000002 3031
iso E2 6A82 card | @app; 00E200F802 3031
iso E2 6A84 card | @app; 00A4000002 2014; 00E200000A 30313233343536373839
iso E2 6A86 card | @app; 00A4000002 2004; 00E201000A 30313233343536373839
iso 84 9000 card | 0084000010
iso 84 6700 card | 0084000007
iso 82 9000 card | @app; @challenge 10; @external 09 82
iso 82 6700 card | @app; @challenge 08; @external 09 82
iso 82 6982 card | @app; @challenge 10; 0084000010; @external 09 82
iso 82 6985 card | @app; 0082098210 00112233445566778899AABBCCDDEEFF
iso 82 6A86 card | @app; @challenge 10; @external 04 82
iso 82 6A88 card | @app; @challenge 10; @external 09 87
iso 88 9000 card | @app; @challenge 10; @external 09 82; 0088098210 00112233445566778899AABBCCDDEEFF
iso 88 6700 card | @app; @challenge 10; @external 09 82; 0088098208 0011223344556677
iso 88 6985 card | @app; 0088098210 00112233445566778899AABBCCDDEEFF
iso 88 6A86 card | @app; @challenge 10; @external 09 82; 0088098310 00112233445566778899AABBCCDDEEFF
iso 88 6A88 card | @app; @challenge 10; @external 09 82; 0088098710 00112233445566778899AABBCCDDEEFF
iso -- 6D00 card | 0070000008
iso -- 6700 card | 00CA00
"""

# A frame of every command that would not be refused for its length.
COMPLETE = """
0A00 1A00 AA00 540000000000000000 5C00 C48000 6400 45 CA0100000F85 DA10480F 5A10480F 6A 6D 6E FC
60 51 6F 61 F501 5F0100EEEE CD1500EEEE100000 CB1500EEEE100000
CC1500EEEE00000000100000000500000000 C11500EEEE0A0000030000 C01500EEEE0A0000030000 DF01
BD02000000100000 3D02000000010000AA 6C01 0C0101000000 DC0101000000 1C0101000000
3B04000000010000AA BB04000000010000 EB04 C7 A7
"""

Trial = tuple[str, str, str, str]  # command, status, scene, steps


def trials() -> list[Trial]:
    """Return every trial."""
    rows: list[Trial] = []
    for line in _TRIALS.strip().splitlines():
        head, steps = line.split("|")
        *words, status, scene = head.split()
        rows.append((" ".join(words), status, scene, steps.strip()))
    for frame in COMPLETE.split():
        rows.append((frame[:2], "CA", "card", f"60; {frame}"))
    for command, frame in (("--", "77"), ("AF", "AF")):  # longer than any frame
        rows.append((command, "7E", "card", frame + "00" * 60))
    return rows
