"""XML of strangers as a small tree: no document types, no entities, no depth without end.

expat reads it; whatever could make a small file large, or fetch another one, is refused before it
is looked at. Knows no message. Source: the XML recommendation; CWE-611, CWE-776.
"""

from xml.parsers import expat

DEPTH_MAX = 40
ELEMENTS_MAX = 1_000_000
DAMAGED = "wanted a whole XML file as the bank gave it"


class XmlFault(Exception):
    """The bytes are no such XML; the message says file, line, what was found and wanted."""


class Element:
    """One element: its name without its namespace, its text, and where it stands."""

    def __init__(self, name: str, attributes: dict[str, str], place: str) -> None:
        self.namespace, _, self.name = name.rpartition(" ")
        self.attributes = attributes
        self.place = place
        self.text = ""
        self.children: list[Element] = []

    def wrong(self, message: str) -> XmlFault:
        """Return an error about this element."""
        return XmlFault(f"{self.place}: <{self.name[:40]}>: {message}")

    def child(self, name: str) -> "Element | None":
        """Return the first child of this name."""
        return next((child for child in self.children if child.name == name), None)

    def every(self, name: str) -> list["Element"]:
        """Return all children of this name."""
        return [child for child in self.children if child.name == name]

    def find(self, *names: str) -> "Element | None":
        """Return what lies at the end of this path of first children."""
        found: Element | None = self
        for name in names:
            found = found.child(name) if found is not None else None
        return found

    def need(self, name: str) -> "Element":
        """Return the child of this name. Raises: XmlFault."""
        found = self.child(name)
        if found is None:
            raise self.wrong(f"no <{name}> inside")
        return found

    def word(self, most: int) -> str:
        """Return its text, 1 to `most` printable letters. Raises: XmlFault."""
        text = self.text.strip()
        if not 1 <= len(text) <= most or not text.isprintable():
            raise self.wrong(f"{text[:40]!r}, wanted 1 to {most} printable letters")
        return text


def parse_xml(data: bytes, where: str) -> Element:
    """Return the root element. Raises: XmlFault with the line."""
    stack: list[Element] = []
    roots: list[Element] = []
    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        element = Element(name, attributes, f"{where}: line {parser.CurrentLineNumber}")
        if len(stack) >= DEPTH_MAX or count > ELEMENTS_MAX:
            raise element.wrong(f"wanted at most {DEPTH_MAX} levels and {ELEMENTS_MAX} elements")
        (stack[-1].children if stack else roots).append(element)
        stack.append(element)

    def end(_name: str) -> None:
        stack.pop()

    def text(part: str) -> None:
        stack[-1].text += part

    def refuse(name: str, *_more: object) -> None:
        raise XmlFault(
            f"{where}: line {parser.CurrentLineNumber}: a document type ({name[:20]}) and its"
            " entities have no place here; nothing of it was read"
        )

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        said = f"{where}: line {error.lineno}: {expat.ErrorString(error.code)}; {DAMAGED}"
        raise XmlFault(said) from None
    except (LookupError, ValueError) as error:  # an encoding that nobody knows
        raise XmlFault(f"{where}: {error}; {DAMAGED}") from None
    return roots[0]
