"""A process with two threads that send the same sales as everybody else, in an order of its own.

    python -m tests.backend_sync.book_writers URL SEED COUNT

Prints a line after each transaction, so that whoever started it can kill it inside the next.
"""

import random
import sys
from threading import Thread

from backend_sync.ledger.books import open_books
from backend_sync.ledger.opening import open_database

AREA, GROUP, THREADS, NOW = 244, 25, 2, 200_000_000


def cents_of(sale):
    return 100 + sale % 977


def send(database, sales):
    for at in range(0, len(sales), GROUP):
        with open_books(database, NOW, "EUR") as books:
            for sale in sales[at : at + GROUP]:
                cents = cents_of(sale)
                lines = [(f"CASH:till{sale % 7}", AREA, -cents), ("REV:244:7", AREA, cents)]
                books.transfer(f"sales:{sale}", "SALE", lines)
                books.hold(f"refunds:{sale}", "REFUND", lines)
                books.post_hold(f"refunds:{sale}")
        print(at, flush=True)


def main(url, seed, count):
    database = open_database(url)
    threads = []
    for number in range(THREADS):
        sales = list(range(int(count)))
        random.Random(f"{seed}/{number}").shuffle(sales)
        threads.append(Thread(target=send, args=(database, sales)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
