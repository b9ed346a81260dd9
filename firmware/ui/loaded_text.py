"""What a passenger reads when an action list had something for his card, in his language.

By S.language: English, Finnish, Swedish, Italian, Russian; another number reads English. Loaded for
the length of such a tap: in the image a module of its own.
"""

from card_layouts.cards.card_layout import KIND_ADJUST, KIND_LOAD, KIND_PRODUCT, KIND_UNBLOCK

# fmt: off
LOADED = (
    "Loaded %d.%02d.", "Ladattu %d,%02d.", "Laddat %d,%02d.", "Caricati %d,%02d.",
    "Зачислено %d,%02d.",
)
WRITTEN = (
    "Product loaded.", "Tuote ladattu.", "Produkt laddad.", "Prodotto caricato.",
    "Продукт записан.",
)
UNBLOCKED = (
    "Card unblocked.", "Kortti avattu.", "Kortet öppnat.", "Carta sbloccata.",
    "Карта разблокирована.",
)
# fmt: on


def loaded_text(kind, cents, language):
    """Return the line for a record of this KIND, "" if there is nothing to be told."""
    if language >= len(LOADED):
        language = 0
    if kind == KIND_PRODUCT:
        return WRITTEN[language]
    if kind == KIND_UNBLOCK:
        return UNBLOCKED[language]
    if kind in (KIND_LOAD, KIND_ADJUST) and cents:
        return LOADED[language] % (cents // 100, cents % 100)
    return ""
