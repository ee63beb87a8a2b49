"""What an exercise is: a scene, questions on it, and what the simulator finds when it is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

import attrs

from regsim.errors import UnknownNameError, UsageError
from regsim.report.tables import ShownTable, html_paragraphs
from regsim.report.text.console import fit, prose_width, wrap
from regsim.report.words.writing import fields, markup

OBJECTIVES: Final = {
    1: "tell handle, key object, hive and root alias apart, and count each",
    2: "trace Q241572 call by call and name the reference that survives",
    3: "predict from a handle table whether an unload succeeds",
    4: "explain the process-wide cache of HKEY_CURRENT_USER against the thread's token",
    5: "choose among the documented remedies, knowing the side effects",
    6: "state the outcome on each Windows generation: saved, still loaded, holder broken",
    7: "read events 1000, 1517 and 1530 and pick the next question",
    8: "find the holder in a listing of handles and tell it from bystanders",
    9: "judge the word 'fixed': not seen again, tested, or checked exhaustively within bounds",
    10: "write an escalation note: evidence, shortest trace, workaround, risk",
}
"""What one can do after the course, by number."""

YES_NO: Final = ("yes", "no")
_WIDGET: Final = "regsim.report.lab.widget"
"""What asks in a notebook; a terminal does without it."""


@attrs.frozen
class Question:
    """One thing to predict.

    Attributes:
        name: what an answer calls it.
        text: the question.
        objective: the number of the learning objective that it checks.
        choices: the answers there are; empty where any text or number may be right.
        number: whether the answer is a whole number.
    """

    name: str
    text: str
    objective: int
    choices: tuple[str, ...] = ()
    number: bool = False

    @property
    def answers(self) -> str:
        """What it can be answered with, in words."""
        if self.choices:
            return ", ".join(self.choices)
        return "a whole number" if self.number else "your own words"

    def clean(self, given: object) -> str:
        """Return *given* as an answer is written; raise `UsageError` for what can be none."""
        text = {True: "yes", False: "no"}[given] if isinstance(given, bool) else str(given).strip()
        if self.choices:
            text = text.lower()
            if text not in self.choices:
                raise UsageError(
                    f"{self.name}: {text!r} is none of the answers; they are: "
                    f"{', '.join(self.choices)}"
                )
        if self.number:
            if not (text.isascii() and text.isdigit()):
                raise UsageError(f"{self.name}: the answer is a whole number, but is {text!r}")
            text = str(int(text))
        return text


@attrs.frozen
class Truth:
    """What running the simulator found for one question.

    ``fault`` takes an answer and returns "" when it is right, otherwise what contradicts it;
    ``because`` names the call that shows the truth.
    """

    because: str
    fault: Callable[[str], str]


def found(value: object, because: str, against: Callable[[str], str] | None = None) -> Truth:
    """Return the finding that the answer is *value*, as *because* shows.

    *against* may say more of one wrong answer than *because* does.
    """
    right = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)

    def fault(given: str) -> str:
        if given == right:
            return ""
        return against(given) if against is not None else because

    return Truth(because, fault)


@attrs.frozen
class Mark:
    """One answer judged: what was given (None if nothing was), and what the simulator showed."""

    question: Question
    given: str | None
    right: bool
    because: str

    def __str__(self) -> str:
        """Return the result in words, wrapped."""
        if self.given is None:
            return f"open   {self.question.name}"
        said = "right" if self.right else "wrong"
        text = f"{said:6} {self.question.name} = {self.given}. {self.because}"
        return "\n".join(wrap(text, prose_width(), "", " " * 7))


@attrs.frozen(repr=False)
class Feedback:
    """What `check` says of an answer."""

    exercise: str
    results: tuple[Mark, ...]
    explanation: str

    @property
    def right(self) -> int:
        """How many questions are answered rightly."""
        return sum(result.right for result in self.results)

    @property
    def passed(self) -> bool:
        """Whether every question is answered rightly."""
        return self.right == len(self.results)

    @property
    def score(self) -> str:
        """How many are right, in words; the explanation comes once all is answered."""
        lines = [f"{self.exercise}: {self.right} of {len(self.results)} right."]
        if all(result.given is not None for result in self.results):
            lines += ["", *wrap(self.explanation, prose_width())]
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Return the whole feedback: each answer judged, and the score."""
        return "\n".join([*map(str, self.results), self.score])

    def _repr_html_(self) -> str:
        said = "".join(
            f"<li><b>{'right' if mark.right else 'wrong'}</b> "
            f"{markup(f'{mark.question.name} = {mark.given}. {mark.because}')}</li>"
            for mark in self.results
            if mark.given is not None
        )
        told = (" ".join(part.split()) for part in self.score.split("\n\n"))
        return f"<ul>{said}</ul>{html_paragraphs(*told)}"


@attrs.frozen(kw_only=True, repr=False)
class Exercise:
    """One exercise: predict, run, explain.

    Attributes:
        name: such as ``e1``.
        title: what it is about.
        scene: makes the text that the questions are asked about; parts of it are simulated.
        questions: what to predict.
        work: runs the simulator and returns what it found, by the question's name.
        explanation: what to take along, for after the answers; one paragraph.
    """

    name: str
    title: str
    scene: Callable[[], str]
    questions: tuple[Question, ...]
    work: Callable[[], Mapping[str, Truth]]
    explanation: str

    @property
    def objectives(self) -> tuple[int, ...]:
        """The numbers of the learning objectives that the questions check."""
        return tuple(sorted({question.objective for question in self.questions}))

    @property
    def task(self) -> str:
        """The title and the scene, without the questions."""
        text = f"{self.name.upper()}. {self.title}\n\n{self.scene().rstrip()}\n"
        return "\n".join(fit(text, prose_width()))

    def __repr__(self) -> str:
        """Return the scene and the questions."""
        lines = [self.task]
        for question in self.questions:
            lines.append(f"  {question.name}: {question.text}")
            if question.choices and question.choices != YES_NO:
                lines.append(f"      one of: {question.answers}")
        return "\n".join(fit("\n".join(lines), prose_width()))

    def _repr_html_(self) -> str:
        rows = [(q.name, q.text, q.answers) for q in self.questions]
        asked = ShownTable("What to predict", ("question", "asks", "answer with"), rows, len(rows))
        scene = "\n".join(map(markup, self.scene().split("\n")))
        return (
            f"<p><b>{markup(self.name.upper())}. {markup(self.title)}</b></p>"
            f"<pre>{scene}</pre>{asked.html()}"
        )

    @property
    def about(self) -> dict[str, object]:
        """What it is called and what it asks, as plain data; nothing is run for it."""
        asked = [
            fields(question, "name text objective choices number") for question in self.questions
        ]
        described = fields(self, "name title")
        return {**described, "objectives": list(self.objectives), "questions": asked}

    def sheet(self) -> dict[str, object]:
        """Return all of it as plain data for a page: `about`, the scene, and the explanation.

        The explanation is for after the answers, which `mark` judges one by one.
        """
        return {**self.about, "scene": self.scene().rstrip(), "explanation": self.explanation}

    def stepper(self) -> Any:  # noqa: ANN401 - a widget of anywidget
        """Return a widget that asks in a cell of a notebook and has each answer judged at once.

        Its ``marks`` keep what came of each. Where anywidget is not installed it is this exercise
        itself; `regsim.course.check` judges then.
        """
        return import_module(_WIDGET).widget(self, {"exercise": self.sheet()}, self._reply)

    def _reply(self, name: str, answer: str) -> dict[str, object]:
        """Return what came of *answer*, for the script that asked; what can be none is an error."""
        try:
            return fields(self.mark(name, answer), "right because")
        except UsageError as error:
            return {"error": str(error)}

    def mark(self, name: str, answer: object) -> Mark:
        """Run the simulator and return what it says of *answer* to the question called *name*.

        Raises:
            UnknownNameError: there is no such question.
            UsageError: *answer* can be none.
        """
        return next(mark for mark in self.judge({name: answer}).results if mark.given is not None)

    def judge(self, answer: Mapping[str, object]) -> Feedback:
        """Run the simulator and return what it says of *answer*; see `regsim.course.check`."""
        known = {question.name: question for question in self.questions}
        for name in answer:
            if name not in known:
                raise UnknownNameError(f"question of {self.name}", str(name), known)
        given = {name: known[name].clean(value) for name, value in answer.items()}
        findings = self.work() if given else {}
        results = tuple(_judged(q, given.get(q.name), findings) for q in self.questions)
        return Feedback(self.name, results, self.explanation)


def _judged(question: Question, given: str | None, findings: Mapping[str, Truth]) -> Mark:
    if given is None:
        return Mark(question, None, False, "")
    finding = findings[question.name]
    fault = finding.fault(given)
    return Mark(question, given, not fault, fault or finding.because)
