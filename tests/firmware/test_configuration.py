"""A board's configuration: what provisioning prints is read, all else is refused by its place."""

import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card_layouts.errors import LayoutError
from firmware.configuration import keys_of, profile_of, publics_of, read_configuration
from firmware.configuration_text import DEPTH_MAX, NUMBER_MAX, read_text
from firmware.tools.board_command import board_command
from firmware.tools.build_image import build_image
from simulator.boards.board_process import micropython_path
from simulator.fuzzing.config_targets import provisioned

pytestmark = pytest.mark.requirement("D1", "D10", "T23")

LEAVES = st.none() | st.booleans() | st.integers(-NUMBER_MAX, NUMBER_MAX) | st.text(max_size=9)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


def depth(tree):
    inner = list(tree.values()) if isinstance(tree, dict) else tree
    return 1 + max(map(depth, inner), default=0) if isinstance(inner, list) else 0


def whole():
    """Return a vehicle's configuration with everything in it."""
    place = {"terminal": 2, "line": 17, "trip": -1, "issuers": [1, 244]}
    return {**provisioned("vehicle"), "profile": place, "pins": "07" * 22}


def changed(*path_and_value):
    *path, last, value = path_and_value
    tree = whole()
    inner = tree
    for name in path:
        inner = inner[name]
    inner[last] = value
    return tree


@given(TREES.filter(lambda tree: depth(tree) <= DEPTH_MAX), st.sampled_from([None, 1]))
def test_what_json_writes_is_read_back(tree, indent):
    assert read_text(json.dumps(tree, indent=indent).encode()) == tree


def test_what_provisioning_prints_is_the_devices_keys_and_profile(tmp_path):
    path = tmp_path / "board.json"
    path.write_text(json.dumps(whole(), indent=1) + "\n")
    config = read_configuration(path)
    assert config == whole()
    keys = keys_of(config)
    assert keys.chain.hex() == config["chain"] and keys.wrap.hex() == config["wrap"]
    assert keys.pins == b"\7" * 22 and keys.signers[1].hex() == config["signers"]["1"]
    assert {key.hex() for key in publics_of(config).values()} == set(config["publics"].values())
    profile = profile_of(config)
    assert (profile["device"], profile["line"], profile["trip"]) == (11, 17, -1)
    assert profile["issuers"] == (1, 244)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "byte 0: found the end, wanted a value"),
        (b'{"a": 1,}', "byte 8: found byte 7d, wanted a name"),
        (b'{"a" 1}', "byte 5: found byte 31, wanted :"),
        (b'{"a": 1} x', "byte 9: found byte 78, wanted the end"),
        (b'{"a": 1, "a": 2}', "byte 9: a is said twice"),
        (b"[1 2]", "byte 3: found byte 32, wanted ,"),
        (b"1.5", "wanted a whole number"),
        (b"1e3", "wanted a whole number"),
        (b"-", "wanted a whole number"),
        (b"007", "wanted a whole number"),
        (b"1073741824", "more than 30 bits"),
        (b"9" * 6000, "more than 30 bits"),
        (b"NaN", "wanted a value"),
        (b'"a', "wanted the end of a string"),
        (b'"\xc3\xa4"', "a string holds byte c3"),
        (b'"\\ud83d"', "both halves of a letter"),
        (b'"\\u12"', "four digits of hexadecimal"),
        (b'"\\x"', "wanted an escape"),
        (b"[" * 3000, "nested deeper"),
    ],
)
def test_a_text_that_is_no_configuration_is_refused_with_its_place(text, said):
    with pytest.raises(LayoutError, match=said):
        read_text(text)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (changed("chain", "00"), "chain: wanted 16 bytes in hexadecimal"),
        (changed("cfg", "zz" * 16), "cfg: a letter that is no hexadecimal digit"),
        (changed("dock", None), "dock: wanted 16 bytes"),
        (changed("aid", 1 << 16), "aid: wanted a number of 16 bits"),
        (changed("device", 1 << 20), "device: wanted a number of 20 bits"),
        (changed("card_keys", []), "card_keys: wanted an object"),
        (changed("card_keys", "x", {}), r"card_keys\.x: wanted a number from 0 to 255"),
        (changed("card_keys", "1", "K9", "00" * 16), r"card_keys\.1\.K9: no key of a card"),
        (changed("signers", "256", "00" * 32), r"signers\.256: wanted a number from 0 to 255"),
        (changed("publics", "11", "00" * 32), r"publics\.11: wanted 4 bytes"),
        (changed("ticket", "seed", "00"), r"ticket\.seed: wanted 32 bytes"),
        (changed("pins", "00" * 10), "pins: wanted rows of 11 bytes"),
        (changed("profile", "line", "17"), "line: wanted a number of 30 bits"),
        (changed("profile", "issuers", 1), "issuers: wanted a list"),
        (changed("profile", "authority", -1), r"profile\.authority: is the device.s"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name_and_no_key_is_told(config, said):
    with pytest.raises(LayoutError, match=said) as refused:
        keys_of(config), publics_of(config), profile_of(config)
    told = str(refused.value)
    assert not any(config[name] in told for name in ("ack", "wrap") if config[name])


@pytest.mark.system
def test_a_board_with_a_damaged_configuration_says_so_and_ends(tmp_path):
    path = tmp_path / "board.json"
    path.write_text('{"device": 11, "device": 12}')
    image = build_image(tmp_path / "tornello.romfs").path
    lines = ("/dev/null", "/dev/null", "/dev/null", tmp_path / "board.flash")
    command = board_command(micropython_path(), image, path, *map(str, lines))
    done = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{path}: wanted what `tornello keyring provision` prints")
