"""Texts of names: what operators, devices and authorities are called."""

TEXTS = {
    "names": ("Names", "Nimet", "Namn", "Nomi", "Названия"),
    "names_what": (
        "What operators, devices and authorities are called on pages and in reports. A figure keeps the name of its day.",
        "Miksi liikennöitsijöitä, laitteita ja viranomaisia kutsutaan sivuilla ja raporteissa. Luku säilyttää päivänsä nimen.",
        "Vad trafikföretag, enheter och myndigheter kallas på sidor och i rapporter. En siffra behåller namnet från sin dag.",
        "Come si chiamano vettori, dispositivi ed enti nelle pagine e nei rapporti. Una cifra conserva il nome del suo giorno.",
        "Как называются перевозчики, устройства и организаторы на страницах и в отчётах. Цифра сохраняет название своего дня.",
    ),
    "no_names": ("Nothing has a name yet.", "Millään ei ole vielä nimeä.", "Ingenting har något namn än.", "Nulla ha ancora un nome.", "Названий пока нет."),
    "name_one": ("Give a name", "Anna nimi", "Ge ett namn", "Dai un nome", "Дать название"),
    "called": ("Name", "Nimi", "Namn", "Nome", "Название"),
    "from_day": ("From", "Alkaen", "Från och med", "Dal", "С даты"),
    "from_day_what": (
        "Empty: from the beginning. A name of an earlier day stays for that time.",
        "Tyhjä: alusta alkaen. Aiemman päivän nimi jää voimaan ajalleen.",
        "Tomt: från början. Ett namn från en tidigare dag gäller kvar för sin tid.",
        "Vuoto: dall'inizio. Il nome di un giorno precedente resta per quel periodo.",
        "Пусто: с самого начала. Название более раннего дня остаётся на своё время.",
    ),
    "from_the_beginning": ("the beginning", "alusta", "början", "l'inizio", "начала"),
}  # fmt: skip
