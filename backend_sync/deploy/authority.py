"""A small authority for certificates between edges, broker and ledger: keys, certificates, a CRL.

One folder a machine, so that what is copied there is whole and nothing else goes; the authority's
own key stays in `authority/`. Who may use which topics follows from who holds a certificate, so the
broker's ACL is written here too. Source: T10, T12; D17; RFC 5280.
"""

import ipaddress
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from backend_sync.deploy.acl import acl
from card_layouts.link.messages import is_edge_id

AUTHORITY_DAYS = 3650
BROKER, LEDGER, EDGE = "broker", "ledger", "edge"
RESERVED = (BROKER, LEDGER)  # no edge has the name of a part: its name is its right
EARLIER = timedelta(minutes=10)  # clocks of edges may be late


class AuthorityError(Exception):
    """It is not done; the message says what is wanted. What stood before it is done."""


class Issued(NamedTuple):
    """One certificate that was given; a name has several when it was renewed."""

    name: str
    kind: str  # BROKER, LEDGER, EDGE
    area: int  # number of the edge's authority; 0 for the others
    serial: str  # hex
    until: str  # ISO day
    revoked: str  # ISO day, "" = good


class Authority:
    """The authority of a folder; `now` in UTC, `days` that a certificate lasts."""

    def __init__(self, folder: Path, now: datetime, days: int) -> None:
        self.folder = folder
        self.now = now
        self.days = days
        self.home = folder / "authority"
        self.issued = _read(self.home / "issued.json")

    def found(self) -> None:
        """Make the authority unless it is there. Raises: AuthorityError."""
        if self.issued:
            return
        _make_folder(self.home)
        key = ec.generate_private_key(ec.SECP256R1())
        name = _named("Tornello authority")
        until = self.now + timedelta(days=AUTHORITY_DAYS)
        builder = _builder(name, name, key.public_key(), self.now, until)
        for extension in (
            x509.BasicConstraints(ca=True, path_length=0),
            _key_usage("key_cert_sign", "crl_sign"),
        ):
            builder = builder.add_extension(extension, critical=True)
        _write_key(self.home / "ca.key", key)
        _write_new(self.home / "ca.crt", _pem(builder.sign(key, hashes.SHA256())))

    def add(self, kind: str, name: str, area: int = 0, hosts: Sequence[str] = ()) -> None:
        """Give a first certificate. Raises: AuthorityError."""
        if kind == EDGE:
            _check_edge(name, area)
        if self.newest(name):
            raise AuthorityError(f"{name}: has a certificate already; --renew {name} for a new one")
        self._issue(kind, name, area, hosts)

    def renew(self, name: str) -> None:
        """Give a name a new key and certificate; the old one is good until it ends.

        Raises: AuthorityError.
        """
        newest = self._known(name)
        certificate = self.place(newest) / f"{newest.kind}.crt"
        hosts = _hosts_of(certificate) if newest.kind == BROKER else ()
        self._set_aside(newest)
        self._issue(newest.kind, name, newest.area, hosts)

    def revoke(self, name: str) -> None:
        """Take every certificate of a name back. Raises: AuthorityError."""
        self._set_aside(self._known(name))
        day = self.now.date().isoformat()
        self.issued = [
            row._replace(revoked=row.revoked or day) if row.name == name else row
            for row in self.issued
        ]
        self._save()

    def newest(self, name: str) -> Issued | None:
        """Return the certificate that a name uses, None when it has no good one."""
        rows = [row for row in self.issued if row.name == name and not row.revoked]
        return rows[-1] if rows else None

    def place(self, row: Issued) -> Path:
        """Return the folder that goes to the machine of a certificate."""
        return self.folder / "edges" / row.name if row.kind == EDGE else self.folder / row.kind

    def _save(self) -> None:
        """Write down what was given, then what the broker reads: its CRL and its ACL."""
        broker = self.folder / BROKER
        _replace(self.home / "issued.json", json.dumps([*map(Issued._asdict, self.issued)],
                                                       indent=1) + "\n")  # fmt: skip
        _make_folder(broker)
        _replace(broker / "crl.pem", self._crl().decode())
        edges = [(row.area, row.name) for row in self.issued
                 if row.kind == EDGE and row == self.newest(row.name)]  # fmt: skip
        _replace(broker / "acl", acl(LEDGER, sorted(edges)))

    def _known(self, name: str) -> Issued:
        found = self.newest(name)
        if found is None:
            raise AuthorityError(
                f"{name}: has no good certificate here; --edge {name} gives one that was taken back"
                " a new one, and DIR alone lists who has what"
            )
        return found

    def _issue(self, kind: str, name: str, area: int, hosts: Sequence[str]) -> None:
        authority = x509.load_pem_x509_certificate((self.home / "ca.crt").read_bytes())
        until = min(self.now + timedelta(days=self.days), authority.not_valid_after_utc)
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_named(name), authority.subject, key.public_key(), self.now, until)
        usage = (
            ExtendedKeyUsageOID.SERVER_AUTH if kind == BROKER else ExtendedKeyUsageOID.CLIENT_AUTH
        )
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
        builder = builder.add_extension(_key_usage("digital_signature"), critical=True)
        builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
        if hosts:
            names = x509.SubjectAlternativeName([*map(_host, hosts)])
            builder = builder.add_extension(names, critical=False)
        made = builder.sign(self._key(), hashes.SHA256())
        row = Issued(name, kind, area, f"{made.serial_number:x}", until.date().isoformat(), "")
        place = self.place(row)
        _make_folder(place)
        _write_key(place / f"{kind}.key", key)
        _write_new(place / f"{kind}.crt", _pem(made))
        _replace(place / "ca.crt", _pem(authority).decode())
        self.issued.append(row)
        self._save()

    def _set_aside(self, row: Issued) -> None:
        """Keep the files of a certificate under another name: nothing here is ever replaced."""
        for ending in ("crt", "key"):
            old = self.place(row) / f"{row.kind}.{ending}"
            if old.exists():
                old.replace(old.with_name(f"{old.name}.{row.serial[:8]}"))

    def _crl(self) -> bytes:
        """Return the list of what was taken back.

        It lasts as long as the authority: a broker with one that has ended lets nobody in.
        """
        authority = x509.load_pem_x509_certificate((self.home / "ca.crt").read_bytes())
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(authority.subject)
            .last_update(self.now - EARLIER)
            .next_update(authority.not_valid_after_utc)
        )
        for row in self.issued:
            if row.revoked:
                entry = x509.RevokedCertificateBuilder().serial_number(int(row.serial, 16))
                day = datetime.fromisoformat(row.revoked).replace(tzinfo=UTC)
                builder = builder.add_revoked_certificate(entry.revocation_date(day).build())
        return builder.sign(self._key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _key(self) -> ec.EllipticCurvePrivateKey:
        path = self.home / "ca.key"
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError) as error:
            raise AuthorityError(f"{path}: {error}; bring the authority's key") from None
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key


def _check_edge(name: str, area: int) -> None:
    if not is_edge_id(name) or name in RESERVED:
        raise AuthorityError(f"--edge {name!r}: wanted 1..24 of a-z, 0-9 and '-', not"
                             f" {' or '.join(RESERVED)}")  # fmt: skip
    if not 0 <= area <= 255:
        raise AuthorityError(f"--authority {area}: wanted 0..255")


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime,
    until: datetime,
) -> x509.CertificateBuilder:  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(until)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _key_usage(*wanted: str) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
             "key_agreement", "key_cert_sign", "crl_sign", "encipher_only",
             "decipher_only")  # fmt: skip
    return x509.KeyUsage(**{name: name in wanted for name in names})


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _hosts_of(path: Path) -> list[str]:
    """Return the hosts that a broker's certificate names."""
    found = x509.load_pem_x509_certificate(path.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


def _read(path: Path) -> list[Issued]:
    if not path.exists():
        return []
    try:
        return [Issued(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise AuthorityError(f"{path}: cannot be read: {error}; put back a copy") from None


def _make_folder(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    form = serialization.PrivateFormat.PKCS8
    clear = serialization.NoEncryption()
    _write_new(path, key.private_bytes(serialization.Encoding.PEM, form, clear))


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that nobody else reads. Raises: AuthorityError where there is one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise AuthorityError(f"{path}: is there already and is never replaced; move it"
                             " away") from None  # fmt: skip
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
