"""A provisioned journal on the simulator's flash, and entries to put in it."""

from card_layouts.cards.card_layout import KIND_DEBIT, G
from card_layouts.crypto.kdf import block_key, device_key
from card_layouts.records.entries import INTENT, OUTCOME, REFUSAL
from card_layouts.records.entries_tap import OUTCOME as OUTCOME_PAYLOAD
from card_layouts.records.entries_tap import OUTCOME_ABORTED, OUTCOME_COMMITTED
from firmware.journal import Journal
from simulator.flash import BLOCK_BYTES, Flash

DEVICE, EPOCH = 4711, 2
BLOCKS = 4
K_DEV = device_key(b"root" * 8, DEVICE, EPOCH)


def new_flash(blocks=BLOCKS, first_seq=1):
    flash = Flash(BLOCK_BYTES * (blocks + 1))
    Journal.provision(flash, 1, blocks, DEVICE, EPOCH, block_key(K_DEV), first_seq)
    return flash


def mounted(flash, blocks=BLOCKS):
    return Journal(flash, 1, blocks).mount()


def uid_of(number):
    return b"\x04" + number.to_bytes(6, "big")


def intent(uid=b"\x04\0\0\0\0\0\1", n=1, cents=250):
    record = bytearray(G.pack({"kind": KIND_DEBIT, "n": n, "amount": cents}))
    record[0:7] = uid
    return bytes(record) + bytes(96 - len(record))


def outcome(of, result=OUTCOME_COMMITTED, time=0):
    return OUTCOME_PAYLOAD.pack({"of": of, "outcome": result, "time": time})


def tap(journal, number=1, cents=250, result=OUTCOME_COMMITTED):
    """Append the two entries of one tap; return the INTENT's seq."""
    seq = journal.append(INTENT, intent(uid_of(number), number, cents))
    journal.append(OUTCOME, outcome(seq, result))
    return seq


def ack_of(journal, seq, incarnation=1, time=0, **changed):
    values = {"device": DEVICE, "epoch": EPOCH, "seq": seq, "incarnation": incarnation}
    values.update(time=time, H=journal.chain_at(seq))
    values.update(changed)
    return values


__all__ = ["OUTCOME_ABORTED", "REFUSAL"]
