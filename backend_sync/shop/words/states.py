"""Texts of where something bought is on its way: English, Finnish, Swedish, Italian, Russian."""

TEXTS = {
    "shop_on_card": ("On the card since", "Kortilla", "På kortet sedan", "Sulla carta dal", "На карте с"),
    "shop_at_stop": ("loaded at stop", "ladattu pysäkillä", "laddat vid hållplats", "caricato alla fermata", "записано на остановке"),
    "shop_at_validator": ("loaded at validator", "ladattu lukijalla", "laddat vid läsare", "caricato dalla validatrice", "записано валидатором"),
    "shop_listed_since": ("On the validators' list since", "Lukijoiden listalla", "På läsarnas lista sedan", "Nella lista delle validatrici dal", "В списке валидаторов с"),
    "shop_money_back": ("The money goes back.", "Raha palautetaan.", "Pengarna går tillbaka.", "Il denaro viene restituito.", "Деньги возвращаются."),
    "shop_state_CREATED": ("Waiting: goes onto the card at its next tap, once validators know of it.", "Odottaa: siirtyy kortille seuraavassa leimauksessa, kun lukijat tietävät siitä.", "Väntar: kommer till kortet vid nästa blipp när läsarna känner till det.", "In attesa: va sulla carta alla prossima validazione, appena le validatrici lo sanno.", "Ожидает: запишется при следующем касании, когда валидаторы о ней узнают."),
    "shop_state_PUBLISHED": ("Waiting: goes onto the card at its next tap.", "Odottaa: siirtyy kortille seuraavassa leimauksessa.", "Väntar: kommer till kortet vid nästa blipp.", "In attesa: va sulla carta alla prossima validazione.", "Ожидает: запишется при следующем касании."),
    "shop_state_COUNTER": ("Waiting, at a service point only: the validators' list is full.", "Odottaa, vain palvelupisteessä: lukijoiden lista on täynnä.", "Väntar, endast på serviceställe: läsarnas lista är full.", "In attesa, solo allo sportello: la lista delle validatrici è piena.", "Ожидает, только в пункте обслуживания: список валидаторов полон."),
    "shop_state_DISPLACED": ("Waiting: another purchase comes first.", "Odottaa: toinen ostos tulee ensin.", "Väntar: ett annat köp kommer först.", "In attesa: prima viene un altro acquisto.", "Ожидает: сначала другая покупка."),
    "shop_state_CONFIRMING": ("Being confirmed: hold the card to a validator again.", "Vahvistetaan: leimaa kortti uudelleen.", "Bekräftas: blippa kortet igen.", "In conferma: valida di nuovo la carta.", "Подтверждается: приложите карту ещё раз."),
    "shop_state_UNCLEAR": ("Being confirmed: a validator's report is missing.", "Vahvistetaan: lukijan raportti puuttuu.", "Bekräftas: en läsares rapport saknas.", "In conferma: manca il rapporto di una validatrice.", "Подтверждается: нет отчёта валидатора."),
    "shop_state_CANCELLING": ("Being cancelled: money back once no validator can load it any more.", "Perutaan: raha palautetaan, kun mikään lukija ei voi enää ladata sitä.", "Avbryts: pengarna tillbaka när ingen läsare längre kan ladda det.", "In annullamento: rimborso quando nessuna validatrice può più caricarlo.", "Отменяется: деньги вернутся, когда ни один валидатор не сможет её записать."),
    "shop_state_EXPIRING": ("Expired: money back once all validators have reported.", "Vanhentunut: raha palautetaan, kun kaikki lukijat ovat raportoineet.", "Utgånget: pengarna tillbaka när alla läsare har rapporterat.", "Scaduto: rimborso quando tutte le validatrici hanno trasmesso.", "Истекло: деньги вернутся, когда отчитаются все валидаторы."),
    "shop_state_SUPERSEDED": ("Cancelled.", "Peruttu.", "Avbrutet.", "Annullato.", "Отменено."),
    "shop_state_EXPIRED": ("Expired.", "Vanhentunut.", "Utgånget.", "Scaduto.", "Истекло."),
}
