"""Reads the code out of a photo or scan with zxing-cpp, where it is installed.

`uv pip install 'zxing-cpp~=3.1' 'pillow~=13.0'`, or the extra [scan]. QR, Aztec and Data Matrix.
"""

from pathlib import Path

REMEDY = "install zxing-cpp and pillow (the extra [scan]), or give the code's text"


class NoCode(Exception):
    """The image cannot be read, or shows no code; the message says which."""


def read_code_image(path: Path) -> str:
    """Return the text of the one code in an image file. Raises: NoCode."""
    try:
        import zxingcpp
        from PIL import Image, UnidentifiedImageError
    except ModuleNotFoundError as error:
        raise NoCode(f"{path}: to read images {error.name} is needed; {REMEDY}") from None
    try:
        with Image.open(path) as image:
            found = {code.text for code in zxingcpp.read_barcodes(image.convert("L"))}
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise NoCode(f"{path}: no image that can be read: {error}") from None
    if len(found) != 1:
        raise NoCode(f"{path}: {len(found)} codes in the image, wanted one")
    return str(found.pop())
