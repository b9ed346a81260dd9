"""Why something was not done, in five languages; the English is the sentence of the service."""

_SENTENCES: dict[str, tuple[str, str, str, str]] = {
}  # fmt: skip
TEXTS = {f"refused: {sentence}": (sentence, *rest) for sentence, rest in _SENTENCES.items()}
