"""Commands about applications: create, delete, select, list."""

from simulator.desfire_card.commands_card import need_card_master, need_length
from simulator.desfire_card.image import (
    KEY_BYTES,
    KIND_OF_BITS,
    PICC_AID,
    Application,
    CardKey,
)
from simulator.desfire_card.memory import application_bytes, free_bytes
from simulator.desfire_card.rights import FREE_CREATE, FREE_LISTING, need_bit_or_master
from simulator.desfire_card.state import CardState
from simulator.desfire_card.status import (
    APPLICATION_NOT_FOUND,
    AUTHENTICATION,
    COUNT,
    DUPLICATE,
    LENGTH,
    OUT_OF_MEMORY,
    PARAMETER,
    PERMISSION_DENIED,
    Refused,
)

APPLICATIONS_MAX = 28
KEYS_MAX = 14
AIDS_IN_FRAME = 19


def create_application(state: CardState, params: bytes) -> bytes:
    """CA: aid 3, settings, key count | kind bits | 20 (ISO files) [, FID 2 [, name 1..16]]."""
    if not (len(params) == 5 or 7 <= len(params) <= 23):
        raise Refused(LENGTH)
    if state.selected != PICC_AID:
        raise Refused(PERMISSION_DENIED)
    need_bit_or_master(state.channel, state.image.picc_settings, FREE_CREATE)
    state.channel.command_in(0xCA, params)
    aid, app = params[:3], _new_application(state, params)
    if aid == PICC_AID or aid in state.image.applications or _name_taken(state, app):
        raise Refused(DUPLICATE)
    if len(state.image.applications) >= APPLICATIONS_MAX:
        raise Refused(COUNT)
    if application_bytes(app) > free_bytes(state.image):
        raise Refused(OUT_OF_MEMORY)
    state.step("application body")  # which nothing names yet
    state.step("application named", lambda: state.image.applications.update({aid: app}))
    return state.channel.plain_out(b"")


def delete_application(state: CardState, params: bytes) -> bytes:
    """DA: at card level under the card's key, or inside under key 0 if the card lets it. [P]"""
    need_length(params, 3)
    state.channel.command_in(0xDA, params)
    inside = state.selected != PICC_AID
    if inside and (state.selected != params or not state.image.picc_settings & FREE_CREATE):
        raise Refused(PERMISSION_DENIED)
    if state.channel.key_no != 0:
        raise Refused(AUTHENTICATION)
    if params not in state.image.applications:
        raise Refused(APPLICATION_NOT_FOUND)
    state.image.transaction = None
    state.step("application gone", lambda: state.image.applications.pop(params))
    answer = state.channel.plain_out(b"")
    if inside:
        state.select(PICC_AID)
    return answer


def select_application(state: CardState, params: bytes) -> bytes:
    """5A: the session and everything pending are gone; the answer carries no MAC."""
    need_length(params, 3)
    if params != PICC_AID and params not in state.image.applications:
        raise Refused(APPLICATION_NOT_FOUND)
    state.select(params)
    return b""


def application_ids(state: CardState, params: bytes) -> list[bytes]:
    """6A: three bytes each, 19 in a frame. [P]"""
    need_length(params, 0)
    _need_listing(state)
    state.channel.command_in(0x6A, params)
    secured = state.channel.plain_out(b"".join(state.image.applications))
    size = 3 * AIDS_IN_FRAME
    return [secured[at : at + size] for at in range(0, max(1, len(secured)), size)]


def df_names(state: CardState, params: bytes) -> list[bytes]:
    """6D: aid | FID | name, one frame per application that has a FID."""
    need_length(params, 0)
    _need_listing(state)
    state.channel.command_in(0x6D, params)
    rows = [
        aid + app.iso_fid.to_bytes(2, "little") + app.df_name
        for aid, app in state.image.applications.items()
        if app.iso_fid is not None
    ]
    joined = b"".join(rows)
    mac = state.channel.plain_out(joined)[len(joined) :]
    return [*rows[:-1], rows[-1] + mac] if rows else [mac]


def _need_listing(state: CardState) -> None:
    if state.selected != PICC_AID:
        raise Refused(PERMISSION_DENIED)
    if not state.image.picc_settings & FREE_LISTING:
        need_card_master(state)


def _new_application(state: CardState, params: bytes) -> Application:
    count, kind = params[4] & 0x0F, KIND_OF_BITS.get(params[4] & 0xC0)
    if kind is None or count > KEYS_MAX:
        raise Refused(PARAMETER)
    image = state.image
    key = CardKey(kind, image.default_key[: KEY_BYTES[kind]], image.default_version)
    fid = int.from_bytes(params[5:7], "little") if len(params) > 5 else None
    return Application(
        settings=params[3],
        kind=kind,
        keys=[key] * count,
        iso_files=bool(params[4] & 0x20),
        iso_fid=fid,
        df_name=params[7:],
    )


def _name_taken(state: CardState, app: Application) -> bool:
    others = state.image.applications.values()
    return any(
        (app.iso_fid is not None and app.iso_fid == other.iso_fid)
        or (app.df_name != b"" and app.df_name == other.df_name)
        for other in others
    )
