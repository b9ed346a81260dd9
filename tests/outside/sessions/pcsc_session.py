"""What pyscard does with the card in the virtual reader; every line printed is checked."""

from importlib.metadata import version

from virtual_reader import connected


def say(connection, text):
    data, sw1, sw2 = connection.transmit(list(bytes.fromhex(text)))
    return bytes(data).hex() + f" {sw1:02x}{sw2:02x}"


def main():
    print(f"pyscard {version('pyscard')}")
    card = connected()
    print("atr:", bytes(card.getATR()).hex())
    print("by name:", say(card, "00A4040007D276000085010000"))
    select, credit, commit, value = (
        *("905A00000310480F00", "900C0000050164000000" + "00"),
        *("90C7000000", "906C0000010100"),
    )
    print("selected:", say(card, select))
    print("credited:", say(card, credit))
    card.disconnect()  # the card loses power between Credit and Commit
    card = connected()
    print("again:", say(card, select))
    print("nothing to commit:", say(card, commit))
    print("old value:", say(card, value))
    print("credited again:", say(card, credit))
    print("committed:", say(card, commit))
    card.disconnect()
    card = connected()
    say(card, select)
    print("new value:", say(card, value))
    about = [say(card, text) for text in ("9060000000", "90AF000000", "90AF000000")]
    print("version:", about[-1])
    for _ in range(200):
        assert say(card, value) == say(card, value)
    card.disconnect()


main()
