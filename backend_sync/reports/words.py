"""Every word of a report in five languages; what a table holds are keys of these.

`TEXTS` has the shape of the office's words: {key: (English, Finnish, Swedish, Italian, Russian)}.
A key that stands in no row is shown as it is: names of payers and channels are data.
"""

from backend_sync.reports.table import TEXT, WORD, Cell, Column, Row, Table, shown

LANGUAGES = ("en", "fi", "sv", "it", "ru")

TEXTS = {
    # reports
    "report_settlement": ("Settlement by operator", "Tilitys liikennöitsijöittäin",
                          "Avräkning per trafikföretag", "Rendiconto per vettore",
                          "Расчёты по перевозчикам"),
    "report_usage": ("Use of products", "Tuotteiden käyttö", "Användning av produkter",
                     "Uso dei prodotti", "Использование продуктов"),
    "report_concessions": ("Concessions by payer", "Alennukset maksajittain",
                           "Rabatter per betalare", "Agevolazioni per pagatore",
                           "Льготы по плательщикам"),
    "report_sales": ("Sales by channel", "Myynti kanavittain", "Försäljning per kanal",
                     "Vendite per canale", "Продажи по каналам"),
    "report_tax": ("Tax in what was earned", "Tuottoihin sisältyvä vero", "Skatt i intäkterna",
                   "Imposta nei ricavi", "Налог в доходах"),
    "report_clearing": ("Debts between authorities", "Viranomaisten väliset velat",
                        "Skulder mellan myndigheter", "Debiti tra enti",
                        "Долги между организаторами"),
    "report_passengers": ("Passenger counts", "Matkustajamäärät", "Passagerarantal",
                          "Conteggio passeggeri", "Число пассажиров"),
    "report_tickets": ("Tickets sold on vehicles", "Ajoneuvoissa myydyt liput",
                       "Biljetter sålda på fordon", "Biglietti venduti a bordo",
                       "Билеты, проданные в транспорте"),
    "report_counters": ("Slips of counters", "Myyntipisteiden tositteet",
                        "Försäljningsställenas kvitton", "Scontrini degli sportelli",
                        "Чеки касс"),
    "report_suspense": ("Commits that wait for evidence", "Vahvistusta odottavat tapahtumat",
                        "Händelser som väntar på bevis", "Operazioni in attesa di conferma",
                        "Операции, ожидающие подтверждения"),
    "report_devices": ("Health of devices", "Laitteiden kunto", "Enheternas skick",
                       "Stato dei dispositivi", "Состояние устройств"),
    "report_today": ("Today beside a week ago", "Tänään ja viikko sitten",
                     "I dag och för en vecka sedan", "Oggi e una settimana fa",
                     "Сегодня и неделю назад"),
    "report_query": ("Saved query", "Tallennettu kysely", "Sparad fråga", "Interrogazione salvata",
                     "Сохранённый запрос"),
    "report_statistics": ("Public statistics", "Julkinen tilasto", "Offentlig statistik",
                          "Statistica pubblica", "Открытая статистика"),
    # how it was asked
    "authority": ("authority", "viranomainen", "myndighet", "ente", "организатор"),
    "from": ("from", "alkaen", "från", "dal", "с"),
    "to": ("to", "asti", "till", "al", "по"),
    "each": ("a row each", "rivi kutakin", "en rad per", "una riga per", "строка на"),
    "month": ("month", "kuukausi", "månad", "mese", "месяц"),
    "made_at": ("made at", "laadittu", "skapad", "creato il", "составлено"),
    "currency": ("currency", "valuutta", "valuta", "valuta", "валюта"),
    "k": ("least cards in a cell", "kortteja vähintään", "minst kort i en cell",
          "carte per cella almeno", "карт в ячейке не меньше"),
    "page": ("page", "sivu", "sida", "pagina", "страница"),
    "name": ("name", "nimi", "namn", "nome", "название"),
    "version": ("version", "versio", "version", "versione", "версия"),
    "total": ("Total", "Yhteensä", "Totalt", "Totale", "Итого"),
    "empty": ("Nothing happened in this period.", "Tällä jaksolla ei tapahtunut mitään.",
              "Inget hände under denna period.", "Nessun evento in questo periodo.",
              "За этот период ничего не произошло."),
    "note_open": ("Rows marked open are not closed yet: bills, shares and tax are still to come.",
                  "Avoimia rivejä ei ole vielä suljettu: laskut, osuudet ja vero puuttuvat.",
                  "Öppna rader är inte stängda än: fakturor, andelar och skatt saknas.",
                  "Le righe aperte non sono ancora chiuse: mancano fatture, quote e imposta.",
                  "Открытые строки ещё не закрыты: счетов, долей и налога пока нет."),
    "note_hidden": ("Cells without a figure are withheld so that nobody can be recognised.",
                    "Tyhjät kohdat on jätetty pois, jottei ketään voi tunnistaa.",
                    "Tomma celler är utelämnade så att ingen kan kännas igen.",
                    "Le celle vuote sono omesse perché nessuno sia riconoscibile.",
                    "Пустые ячейки скрыты, чтобы никого нельзя было узнать."),
    "note_cut": ("There are more rows than are shown.", "Rivejä on enemmän kuin näytetään.",
                 "Det finns fler rader än vad som visas.", "Ci sono altre righe non mostrate.",
                 "Показаны не все строки."),
    # columns
    "day": ("day", "päivä", "dag", "giorno", "день"),
    "state": ("state", "tila", "läge", "stato", "состояние"),
    "operator": ("operator", "liikennöitsijä", "trafikföretag", "vettore", "перевозчик"),
    "product": ("product", "tuote", "produkt", "prodotto", "продукт"),
    "lines": ("lines", "rivejä", "rader", "righe", "строк"),
    "charged": ("charged", "veloitettu", "debiterat", "addebitato", "списано"),
    "billed": ("billed", "laskutettu", "fakturerat", "fatturato", "выставлено"),
    "moved": ("moved", "siirretty", "flyttat", "spostato", "перенесено"),
    "gross": ("gross", "brutto", "brutto", "lordo", "брутто"),
    "tax": ("tax", "vero", "skatt", "imposta", "налог"),
    "net": ("net", "netto", "netto", "netto", "нетто"),
    "unborne": ("borne by nobody", "kenenkään maksamatta", "buret av ingen",
                "a carico di nessuno", "никем не покрыто"),
    "payer": ("payer", "maksaja", "betalare", "pagatore", "плательщик"),
    "concession": ("concession", "alennus", "rabatt", "agevolazione", "льгота"),
    "rider": ("group", "ryhmä", "grupp", "gruppo", "группа"),
    "channel": ("channel", "kanava", "kanal", "canale", "канал"),
    "taken": ("taken", "otettu", "intaget", "incassato", "получено"),
    "code": ("tax code", "verokoodi", "skattekod", "codice imposta", "код налога"),
    "permille": ("rate", "kanta", "sats", "aliquota", "ставка"),
    "other": ("other authority", "toinen viranomainen", "annan myndighet", "altro ente",
              "другой организатор"),
    "owed": ("owed", "velkaa", "skyldig", "dovuto", "долг"),
    "boardings": ("boardings", "nousuja", "påstigningar", "salite", "посадок"),
    "transfers": ("of them transfers", "joista vaihtoja", "därav byten", "di cui trasbordi",
                  "из них пересадок"),
    "uncharged": ("of them uncharged", "joista veloituksetta", "därav utan debitering",
                  "di cui senza addebito", "из них без списания"),
    "sold": ("sold", "myyty", "sålt", "venduti", "продано"),
    "kind": ("kind", "laji", "slag", "tipo", "вид"),
    "paid": ("paid by", "maksutapa", "betalsätt", "pagamento", "оплата"),
    "slips": ("slips", "tositteita", "kvitton", "scontrini", "чеков"),
    "price": ("price", "hinta", "pris", "prezzo", "цена"),
    "rounding": ("rounding", "pyöristys", "avrundning", "arrotondamento", "округление"),
    "age": ("age", "ikä", "ålder", "età", "возраст"),
    "device": ("device", "laite", "enhet", "dispositivo", "устройство"),
    "waiting": ("waiting", "odottaa", "väntar", "in attesa", "ожидает"),
    "waiting_cents": ("money waiting", "rahaa odottaa", "pengar som väntar", "denaro in attesa",
                      "ожидает денег"),
    "epoch": ("epoch", "kausi", "epok", "epoca", "эпоха"),
    "health": ("health", "kunto", "skick", "salute", "здоровье"),
    "quiet": ("quiet for", "hiljaa", "tyst i", "silente da", "молчит"),
    "watermark": ("held up to", "saatu asti", "mottaget till", "ricevuto fino a", "получено до"),
    "missing": ("missing", "puuttuu", "saknas", "mancanti", "не хватает"),
    "quarantined": ("in quarantine", "karanteenissa", "i karantän", "in quarantena",
                    "в карантине"),
    "rides": ("rides", "matkoja", "resor", "corse", "поездок"),
    "rides_week_ago": ("rides a week ago", "matkoja viikko sitten", "resor för en vecka sedan",
                       "corse una settimana fa", "поездок неделю назад"),
    "worth_week_ago": ("worth a week ago", "arvo viikko sitten", "värde för en vecka sedan",
                       "valore una settimana fa", "на сумму неделю назад"),
    "account": ("account", "tili", "konto", "conto", "счёт"),
    "rule": ("rule", "sääntö", "regel", "regola", "правило"),
    "cents": ("amount", "määrä", "belopp", "importo", "сумма"),
    "postings": ("postings", "kirjauksia", "bokningar", "scritture", "проводок"),
    "issuer": ("card's issuer", "kortin myöntäjä", "kortutgivare", "emittente della carta",
               "эмитент карты"),
    "tariff": ("tariff", "tariffi", "taxa", "tariffa", "тариф"),
    "zones": ("zones", "vyöhykkeet", "zoner", "zone", "зоны"),
    "full": ("full price", "täysi hinta", "fullt pris", "prezzo pieno", "полная цена"),
    "clerk": ("clerk", "myyjä", "säljare", "addetto", "кассир"),
    "shift": ("shift", "vuoro", "skift", "turno", "смена"),
    "devices": ("devices", "laitteita", "enheter", "dispositivi", "устройств"),
    "week": ("week from", "viikko alkaen", "vecka från", "settimana dal", "неделя с"),
    "operator_name": ("name of the operator", "liikennöitsijän nimi", "trafikföretagets namn",
                      "nome del vettore", "название перевозчика"),
    "product_name": ("name of the product", "tuotteen nimi", "produktens namn",
                     "nome del prodotto", "название продукта"),
    "rider_name": ("name of the group", "ryhmän nimi", "gruppens namn", "nome del gruppo",
                   "название группы"),
    "device_name": ("name of the device", "laitteen nimi", "enhetens namn",
                    "nome del dispositivo", "название устройства"),
    "other_name": ("name of the authority", "viranomaisen nimi", "myndighetens namn",
                   "nome dell'ente", "название организатора"),
    "issuer_name": ("name of the issuer", "myöntäjän nimi", "utgivarens namn",
                    "nome dell'emittente", "название эмитента"),
    "no_name": ("no name", "ei nimeä", "inget namn", "senza nome", "без названия"),
    # values of closed lists
    "all": ("all", "kaikki", "alla", "tutti", "все"),
    "closed": ("closed", "suljettu", "stängd", "chiuso", "закрыто"),
    "open": ("open", "avoin", "öppen", "aperto", "открыто"),
    "under a day": ("under a day", "alle päivä", "under en dag", "meno di un giorno",
                    "менее суток"),
    "1 to 7 days": ("1 to 7 days", "1–7 päivää", "1–7 dagar", "da 1 a 7 giorni", "от 1 до 7 дней"),
    "7 to 30 days": ("7 to 30 days", "7–30 päivää", "7–30 dagar", "da 7 a 30 giorni",
                     "от 7 до 30 дней"),
    "30 to 90 days": ("30 to 90 days", "30–90 päivää", "30–90 dagar", "da 30 a 90 giorni",
                      "от 30 до 90 дней"),
    "90 days and more": ("90 days and more", "90 päivää tai yli", "90 dagar och mer",
                         "90 giorni e più", "90 дней и больше"),
    "good": ("good", "kunnossa", "bra", "buono", "исправно"),
    "gaps": ("gaps", "aukkoja", "luckor", "lacune", "пробелы"),
    "cash": ("cash", "käteinen", "kontant", "contanti", "наличные"),
    "card": ("bank card", "pankkikortti", "bankkort", "carta bancaria", "банковская карта"),
    "load": ("load", "lataus", "laddning", "ricarica", "пополнение"),
    "fee": ("fee", "maksu", "avgift", "tassa", "сбор"),
    "void": ("void", "mitätöinti", "makulering", "storno", "отмена"),
    "refund": ("refund", "hyvitys", "återbetalning", "rimborso", "возврат"),
    "deposit": ("deposit", "pantti", "pant", "cauzione", "залог"),
    "payout": ("payout", "maksu ulos", "utbetalning", "pagamento", "выплата"),
}  # fmt: skip


def word(key: str, language: str = "en") -> str:
    """Return the text of a key in a language of LANGUAGES; the key where there is no such text."""
    row = TEXTS.get(key)
    return row[LANGUAGES.index(language)] if row else key


def text_of(column: Column, cell: Cell, language: str = "en") -> str:
    """Return a cell for people, words of closed lists in their language."""
    text = shown(column, cell)
    # A text where there should be a figure is a word too: "all" of a table with totals.
    is_word = column.type == WORD or (isinstance(cell, str) and column.type != TEXT)
    return word(text, language) if is_word else text


def named_text(table: Table, at: int, row: Row, language: str = "en") -> str:
    """Return a cell for people, a number that has a name as "name (number)"."""
    text = text_of(table.columns[at], row[at], language)
    return labelled(
        table.name_of(table.columns[at].name, row[at], table.day_of(row)), text, language
    )


def labelled(name: str | None, number: str, language: str = "en") -> str:
    """Return "name (number)", that there is no name, or the number alone when it needs none."""
    return number if name is None else f"{name or word('no_name', language)} ({number})"
