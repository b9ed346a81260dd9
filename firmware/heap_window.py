"""The commit window on MicroPython: the heap is locked, so an allocation there cannot stay unseen.

It would raise MemoryError at once, on every board and in every simulated tap (D4).
"""

from micropython import heap_lock, heap_unlock


class HeapWindow:
    """The Window of card_writer.py."""

    def enter(self):
        heap_lock()

    def exit(self):
        heap_unlock()
