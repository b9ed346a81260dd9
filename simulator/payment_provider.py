"""A payment provider in a box: a page to pay on, signed words back, and a list of its payments.

It speaks the protocol of `backend_sync/shop/README.md` and is written from that text alone: it
shares no code with the shop. No money moves. `held` keeps its own word to the shop back until
`resend`, so that browsers come back first, or nobody is told at all.
"""

import csv
import hashlib
import hmac
import html
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from threading import RLock
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

ASKED = ("merchant", "order", "cents", "currency", "ends", "language", "back", "told")
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"></head><body><main><h1>{title}</h1>{body}</main>
</body></html>"""
BODY_MOST, ANSWER_S = 64 * 1024, 20


class Payment(NamedTuple):
    """What was paid; `asked` is the shop's request."""

    number: str
    asked: dict[str, str]
    at: int  # Unix seconds


class Provider:
    """Serves at 127.0.0.1; `now` gives Unix seconds, `name` the numbers of payments."""

    def __init__(
        self, key: bytes, now: Callable[[], int], name: Callable[[], str], port: int = 0
    ) -> None:
        self.key, self.now, self.name = key, now, name
        self.payments: dict[str, Payment] = {}
        self.refunded: dict[str, int] = {}
        self.untold: list[dict[str, str]] = []
        self.answers: list[int] = []  # what the shop answered when it was told
        self.held = False
        self.turn = RLock()
        self.server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def sign(self, kind: str, fields: dict[str, str]) -> str:
        """Return the signature of fields: HMAC-SHA256 over the kind and their sorted lines."""
        lines = [kind] + [f"{name}={fields[name]}" for name in sorted(fields)]
        return hmac.new(self.key, "\n".join(lines).encode(), hashlib.sha256).hexdigest()

    def asked(self, fields: dict[str, str]) -> dict[str, str] | None:
        """Return a shop's request; None where it is not signed by it."""
        values = {name: fields.get(name, "") for name in ASKED}
        good = self.sign("pay", values)
        return values if hmac.compare_digest(good, fields.get("signature", "")) else None

    def words(self, asked: dict[str, str], number: str, status: str, at: int) -> dict[str, str]:
        """Return the signed words about a payment."""
        said = {name: asked[name] for name in ("merchant", "order", "cents", "currency")}
        said |= {"payment": number, "status": status, "at": str(at)}
        return {**said, "signature": self.sign("told", said)}

    def pay(self, asked: dict[str, str]) -> dict[str, str]:
        """Take the money of an order, once; tell the shop; return the words for the way back."""
        with self.turn:
            before = next((one for one in self.payments.values()
                           if one.asked["order"] == asked["order"]), None)  # fmt: skip
            paid = before or Payment(self.name(), asked, self.now())
            self.payments[paid.number] = paid
        words = self.words(asked, paid.number, "paid", paid.at)
        if before is None:
            self.tell(asked["told"], words)
        return words

    def refund(self, number: str) -> None:
        """Give a payment back, and tell the shop."""
        paid = self.payments[number]
        at = self.refunded.setdefault(number, self.now())
        self.tell(paid.asked["told"], self.words(paid.asked, number, "refunded", at))

    def tell(self, address: str, words: dict[str, str]) -> None:
        """Send words to the shop; those that it does not take wait for `resend`."""
        if self.held or not self._sent(address, words):
            self.untold.append({"to": address, **words})

    def resend(self) -> None:
        """Send again what was not taken."""
        waiting, self.untold = self.untold, []
        for words in waiting:
            address = words.pop("to")
            if not self._sent(address, words):
                self.untold.append({"to": address, **words})

    def _sent(self, address: str, words: dict[str, str]) -> bool:
        request = Request(address, json.dumps(words).encode(),
                          {"Content-Type": "application/json"})  # fmt: skip
        try:
            with urlopen(request, timeout=ANSWER_S) as answer:
                self.answers.append(answer.status)
                return bool(answer.status == 200)
        except URLError as error:
            self.answers.append(getattr(error, "code", 0) or 0)
            return False

    def listed(self) -> str:
        """Return all payments as the CSV that `tornello shop reconcile` reads."""
        text = StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["payment", "order", "status", "cents", "at"])
        for one in self.payments.values():
            status = "refunded" if one.number in self.refunded else "paid"
            rows.writerow([one.number, one.asked["order"], status, one.asked["cents"], one.at])
        return text.getvalue()

    def serve(self) -> None:
        """Answer until `close`."""
        self.server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/payments.csv":
                self._answer(200, provider.listed(), "text/csv")
            elif parts.path == "/pay":
                self._page(_fields(parts.query))
            else:
                self._answer(200, _list_page(provider))

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            fields = _fields(self.rfile.read(min(length, BODY_MOST)).decode())
            if self.path == "/refund" and fields.get("payment") in provider.payments:
                provider.refund(fields["payment"])
                self._lead("/")
                return
            asked = provider.asked(fields)
            if self.path != "/pay" or asked is None or int(asked["ends"]) <= provider.now():
                self._answer(403, PAGE.format(title="Not paid", body="<p>Nothing was paid.</p>"))
                return
            if fields.get("do") == "pay":
                words = provider.pay(asked)
            else:
                words = provider.words(asked, "none", "cancelled", provider.now())
            self._lead(f"{asked['back']}?{urlencode(words)}")

        def _page(self, fields: dict[str, str]) -> None:
            asked = provider.asked(fields)
            if asked is None:
                self._answer(403, PAGE.format(title="Not paid", body="<p>Not the shop's.</p>"))
                return
            hidden = "".join(f'<input type="hidden" name="{name}" value="{html.escape(text)}">'
                             for name, text in fields.items())  # fmt: skip
            cents = int(asked["cents"])
            body = (f"<p>{html.escape(asked['merchant'])}: {cents // 100}.{cents % 100:02d}"
                    f" {html.escape(asked['currency'])}. No money moves here.</p>"
                    f'<form method="post" action="/pay">{hidden}'
                    '<button name="do" value="pay">Pay</button>'
                    ' <button name="do" value="cancel">Cancel</button></form>')  # fmt: skip
            self._answer(200, PAGE.format(title="Simulated payment", body=body))

        def _answer(self, status: int, text: str, kind: str = "text/html") -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _lead(self, address: str) -> None:
            self.send_response(303)
            self.send_header("Location", address)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing: who watches reads the shop's log."""

    return Handler


def _fields(text: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(text, max_num_fields=40).items()}


def _list_page(provider: Provider) -> str:
    rows = "".join(
        f"<li>{html.escape(one.number)}: {one.asked['cents']} cents"
        + (" (given back)" if one.number in provider.refunded else
           f'<form method="post" action="/refund"><button name="payment" value="{one.number}">'
           "Give back</button></form>")
        + "</li>" for one in provider.payments.values()
    )  # fmt: skip
    return PAGE.format(title="Payments", body=f'<ul>{rows}</ul><a href="/payments.csv">CSV</a>')
