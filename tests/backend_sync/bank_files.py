"""Statements as a bank writes them, for tests: written out by hand, by no code of ours."""

OWN = "FI2112345600000785"


def entry(cents, reference="", *, kind="EndToEndId", bank="", status="BOOK", currency="EUR",
          day="2026-06-08", amount=None, structured="", text=""):  # fmt: skip
    """One booked entry with one payment."""
    sign = "CRDT" if cents > 0 else "DBIT"
    said = amount or f"{abs(cents) // 100}.{abs(cents) % 100:02}"
    refs = f"<Refs><{kind}>{reference}</{kind}></Refs>" if reference else ""
    remittance = f"<Strd><CdtrRefInf><Ref>{structured}</Ref></CdtrRefInf></Strd>" * bool(structured)
    remittance += f"<Ustrd>{text}</Ustrd>" * bool(text)
    service = f"<AcctSvcrRef>{bank}</AcctSvcrRef>" * bool(bank)
    return (
        f'<Ntry><Amt Ccy="{currency}">{said}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'
        f"<Sts><Cd>{status}</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt>{service}"
        f"<NtryDtls><TxDtls>{refs}<RmtInf>{remittance}</RmtInf></TxDtls></NtryDtls></Ntry>"
    )


def balance(kind, cents):
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="EUR">{abs(cents) // 100}.{abs(cents) % 100:02}</Amt>'
        f"<CdtDbtInd>{'CRDT' if cents >= 0 else 'DBIT'}</CdtDbtInd></Bal>"
    )


def camt(*entries, name="S-1", iban=OWN, head="", balances="", message="053", version="08"):
    """One file with one statement (053) or notification (054)."""
    outer, inner = {
        "053": ("BkToCstmrStmt", "Stmt"), "054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
    }[message]  # fmt: skip
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.{message}.001.{version}">'
        f"<{outer}><GrpHdr><MsgId>M</MsgId></GrpHdr><{inner}><Id>{name}</Id>"
        f"<Acct><Id><IBAN>{iban}</IBAN></Id></Acct>{balances}{''.join(entries)}"
        f"</{inner}></{outer}></Document>"
    ).encode()
