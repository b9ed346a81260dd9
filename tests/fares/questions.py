"""What every mutant is asked: questions with their answers, and the lines of the engine each runs.

A question names a function of recording.py or around.py, so that a process that has another engine
asks its own. The unbroken engine's answer stands beside it. `aimed_at` returns only the questions
that run a mutant's lines, one of each way through the module before a second one of any.
"""

import importlib
import itertools
import sys

from tests.fares.mutations import ENGINE

MODULES = {str(path): path.stem for path in ENGINE.glob("*.py")}


class Question:
    """`ask` is (module, function), `words` what it is called with."""

    __slots__ = ("answer", "ask", "words")

    def __init__(self, function, *words):
        self.ask, self.words = (function.__module__, function.__name__), words
        self.answer = None

    def asked(self):
        """Return what the engine says, as it is imported now."""
        module, function = self.ask
        return getattr(importlib.import_module(module), function)(*self.words)


class Asked:
    """All questions, answered by the engine as it is, and the ways they take through it."""

    def __init__(self, questions):
        self.questions = list(questions)
        self.ways = {name: {} for name in MODULES.values()}  # lines run -> numbers of questions
        for number, question in enumerate(self.questions):
            question.answer, reached = _traced(question.asked)
            for module, lines in reached.items():
                self.ways[module].setdefault(frozenset(lines), []).append(number)

    def aimed_at(self, mutant):
        """Return the questions that may notice `mutant`, in the order of asking; none: not reached.

        A rule outside functions (a constant of the module) is every question's.
        """
        ways = self.ways[mutant.module]
        if mutant.lines is None:
            return self.questions
        wanted = [ways[lines] for lines in ways if not lines.isdisjoint(mutant.lines)]
        rounds = itertools.chain.from_iterable(itertools.zip_longest(*wanted))
        return [self.questions[number] for number in rounds if number is not None]


def _traced(call):
    """Return (what `call` returns, {module of the engine: its lines that ran})."""
    reached = {}

    def begin(frame, _event, _value):
        module = MODULES.get(frame.f_code.co_filename)
        if module is None:
            return None
        lines = reached.setdefault(module, set())

        def line(frame, _event, _value):
            lines.add(frame.f_lineno)
            return line

        return line

    before = sys.gettrace()
    sys.settrace(begin)
    try:
        answer = call()
    finally:
        sys.settrace(before)
    return answer, reached
