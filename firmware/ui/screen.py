"""The Screen port on a 128 x 64 monochrome display: a lamp word in a bar, five lines below.

`display.show(buffer)` gets the 1,024 bytes in the display's own order (eight rows a byte). Drawn in
a buffer made once. Knows no answers and no fares. Source: micropython.md section 5.
"""

from framebuf import MONO_VLSB, FrameBuffer

from firmware.ui.text import LAMP_WORDS, LINES, wrap

WIDTH = 128
HEIGHT = 64
BAR_HEIGHT = 12
LINE_HEIGHT = 10
LETTER = 8


class Screen:
    """One display; `show` draws and sends the whole of it."""

    def __init__(self, display):
        self._display = display
        self.buffer = bytearray(WIDTH * HEIGHT // 8)
        self._frame = FrameBuffer(self.buffer, WIDTH, HEIGHT, MONO_VLSB)

    def show(self, lines, lamp):
        """Show `lines`, wrapped; what does not fit below the bar is left out."""
        frame = self._frame
        frame.fill(0)
        word = LAMP_WORDS.get(lamp, "")
        if word:
            frame.fill_rect(0, 0, WIDTH, BAR_HEIGHT, 1)
            frame.text(word, (WIDTH - LETTER * len(word)) // 2, 2, 0)
        row = 0
        for line in lines:
            for part in wrap(line):
                if row < LINES:
                    frame.text(part, 0, BAR_HEIGHT + 2 + LINE_HEIGHT * row, 1)
                row += 1
        self._display.show(self.buffer)
