"""Texts of what takes two people, asked for by form, and of tills."""

TEXTS = {
    "ask_for": ("Ask for it", "Pyydä", "Begär", "Richiedi", "Запросить"),
    "how_much_what": (
        "Euros of a refund, entries of a hotlist, uses of a key, 1 question.",
        "Palautuksen eurot, sulkulistan rivit, avaimen käyttökerrat, 1 kysymys.",
        "Euro för en återbetalning, rader i en spärrlista, användningar av en nyckel, 1 fråga.",
        "Euro di un rimborso, voci di una lista di blocco, usi di una chiave, 1 domanda.",
        "Евро возврата, записи стоп-листа, использования ключа, 1 запрос.",
    ),
    "what_for": ("What will be done", "Mitä tehdään", "Vad som ska göras", "Cosa sarà fatto", "Что будет сделано"),
    "what_for_what": (
        "In words that the other person can judge.",
        "Niin, että toinen henkilö voi arvioida sen.",
        "Så att den andra personen kan bedöma det.",
        "Con parole che l'altra persona possa valutare.",
        "Словами, по которым другой человек сможет судить.",
    ),
    "digest": ("Digest (SHA-256)", "Tiiviste (SHA-256)", "Kontrollsumma (SHA-256)", "Impronta (SHA-256)", "Хеш (SHA-256)"),
    "digest_what": (
        "Of a hotlist or question: as the refusal printed it. Else empty.",
        "Sulkulistasta tai kysymyksestä: kuten hylkäys sen ilmoitti. Muuten tyhjä.",
        "För en spärrlista eller fråga: som avslaget skrev den. Annars tomt.",
        "Di una lista di blocco o domanda: come indicata dal rifiuto. Altrimenti vuoto.",
        "Для стоп-листа или запроса: как указано в отказе. Иначе пусто.",
    ),
    "till": ("Till", "Kassa", "Kassa", "Cassa", "Касса"),
    "give_till": ("Give a till", "Anna kassa", "Ge en kassa", "Assegna una cassa", "Назначить кассу"),
    "give_till_what": (
        "For ever: slips are numbered by the device, and cash is the clerk's.",
        "Pysyvästi: kuitit numeroidaan laitteittain, ja käteinen on myyjän.",
        "För gott: kvitton numreras per enhet, och kontanterna är säljarens.",
        "Per sempre: gli scontrini sono numerati per dispositivo e il contante è dell'addetto.",
        "Навсегда: чеки нумеруются по устройству, наличные числятся за кассиром.",
    ),
}  # fmt: skip
