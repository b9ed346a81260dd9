"""Texts of the audit trail: English, Finnish, Swedish, Italian, Russian."""

TEXTS = {
    "trail": (
        "Audit trail",
        "Muutosloki",
        "Ändringslogg",
        "Registro delle modifiche",
        "Журнал изменений",
    ),
    "trail_what": (
        "Who changed what, the newest first",
        "Kuka muutti mitä, uusin ensin",
        "Vem som ändrade vad, det senaste först",
        "Chi ha cambiato cosa, dal più recente",
        "Кто что изменил, начиная с последнего",
    ),
    "row": ("Row", "Rivi", "Rad", "Riga", "Строка"),
    "changed": ("Changed", "Muutokset", "Ändrat", "Modifiche", "Изменения"),
    "fields": ("fields", "kentät", "fält", "campi", "поля"),
    "no_changes": (
        "No change of this kind that you may see.",
        "Ei tällaisia muutoksia, jotka saat nähdä.",
        "Ingen sådan ändring som du får se.",
        "Nessuna modifica di questo tipo che puoi vedere.",
        "Нет таких изменений, доступных вам.",
    ),
    "page_whole": (
        "The heads of these rows are what was written.",
        "Näiden rivien tarkisteet ovat kirjoitetut.",
        "Radernas kontrollvärden är de som skrevs.",
        "Le impronte di queste righe sono quelle scritte.",
        "Контрольные значения этих строк верны.",
    ),
    "page_broken": (
        "A head of these rows is not what was written!",
        "Jonkin rivin tarkiste ei ole se, joka kirjoitettiin!",
        "Någon rads kontrollvärde är inte det som skrevs!",
        "L'impronta di una riga non è quella scritta!",
        "Контрольное значение одной из строк неверно!",
    ),
    "verify_trail": (
        "Verify the whole trail",
        "Tarkista koko loki",
        "Kontrollera hela loggen",
        "Verifica tutto il registro",
        "Проверить весь журнал",
    ),
    "chain_whole": (
        "The whole trail was verified: every row is what was written.",
        "Koko loki on tarkistettu: jokainen rivi on kirjoitettu sellaisena.",
        "Hela loggen är kontrollerad: varje rad är den som skrevs.",
        "Tutto il registro è verificato: ogni riga è quella scritta.",
        "Весь журнал проверен: каждая строка такова, как была записана.",
    ),
    "chain_broken": (
        "The trail is not whole:",
        "Loki ei ole eheä:",
        "Loggen är inte hel:",
        "Il registro non è integro:",
        "Журнал нарушен:",
    ),
}
