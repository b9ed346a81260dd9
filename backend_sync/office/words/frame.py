"""Texts of every page, the door and errors: English, Finnish, Swedish, Italian, Russian."""

TEXTS = {
    "menu": ("Menu", "Valikko", "Meny", "Menu", "Меню"),
    "language": ("Language", "Kieli", "Språk", "Lingua", "Язык"),
    "choose_language": ("Choose", "Valitse", "Välj", "Scegli", "Выбрать"),
    "office": (
        "Office",
        "",
        "",
        "",
        "",
    ),
    "skip": (
        "Skip to the content",
        "",
        "",
        "",
        "",
    ),
    "sign_in": (
        "Sign in",
        "",
        "",
        "",
        "",
    ),
    "sign_out": (
        "Sign out",
        "",
        "",
        "",
        "",
    ),
    "name": (
        "Name",
        "",
        "",
        "",
        "",
    ),
    "secret": (
        "Password",
        "",
        "",
        "",
        "",
    ),
    "wrong": (
        "Name or password is wrong, or the account is disabled or locked (five wrong "
        "passwords). Who keeps the users can set a new password.",
        "",
        "",
        "",
        "",
    ),
    "no_page": (
        "There is no such page.",
        "",
        "",
        "",
        "",
    ),
    "not_allowed": (
        "You do not have the right that this page needs:",
        "",
        "",
        "",
        "",
    ),
    "bad_form": (
        "The form is not complete. Nothing was done: go back and fill in every field.",
        "",
        "",
        "",
        "",
    ),
    "busy": (
        "The books cannot be written or read at this moment. Send the same form again: "
        "it is never sold twice.",
        "",
        "",
        "",
        "",
    ),
    "nothing_here": (
        "You are signed in, but no page is for your rights yet. Who keeps the users can "
        "give you rights.",
        "",
        "",
        "",
        "",
    ),
}
