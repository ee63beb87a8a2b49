"""Certificates: a proof for any number of processes as data, verified without a search.

A certificate names a set of abstract states and the relations that it leans on. It proves its
claims if the beginning is in the set, no step leads out of it, no state of it breaks a claim, and
every step of the tables keeps the relations. Whoever verifies it makes the tables from the model
itself: a certificate of another model, or a changed one, proves nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
import sys
import zlib
from array import array
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

import attrs

from regsim.check.balance import Relation, unproven
from regsim.check.counting import Abstract, Counted, CountedLearner
from regsim.check.families import Base, UnseenError
from regsim.check.formula import Formula
from regsim.check.learn import Learner, State
from regsim.check.space import Limits, Options, Space
from regsim.check.verify import Result
from regsim.errors import DataError

SCHEMA_VERSION: Final = 1
_SHORT: Final = 120
"""How much of a value an error shows."""
Searching = Callable[[Learner, Options], Space]
"""Searches the states of a learner's model."""


@attrs.frozen
class Proof:
    """What is to be believed of an abstraction.

    Attributes:
        claims: the names of what it proves.
        members: how many members of each family the tables are learned from.
        bound: the greatest count that is told from greater ones.
        relations: each as component, which of its numbers that grow, constant, and the weights as
            (family's number, place, weight).
        parts: the shared parts by name, and the texts of the values that each takes.
        places: by family, the texts of the places where a member may stand.
        counts: by component of counts, the family's number, the places it counts, and the counts
            that it takes.
        states: the states: by shared part and then by component of counts, the number of its value.
    """

    claims: tuple[str, ...]
    members: int
    bound: int
    relations: tuple[tuple[str, int, int, tuple[tuple[int, int, int], ...]], ...]
    parts: tuple[tuple[str, tuple[str, ...]], ...]
    places: tuple[tuple[str, tuple[str, ...]], ...]
    counts: tuple[tuple[int, tuple[int, ...], tuple[tuple[int, ...], ...]], ...]
    states: tuple[State, ...]


@attrs.frozen
class Certificate:
    """Proofs of claims of one model.

    Attributes:
        model: what the model is asked for by: the name of an incident, or of a file.
        parameters: its parameters, those among them that stand for any number.
        proofs: one for each abstraction that was needed.
    """

    model: str
    parameters: Mapping[str, int | str] = attrs.field(hash=False)
    proofs: tuple[Proof, ...]


@attrs.frozen(eq=False)
class Exhausted:
    """An abstraction whose search has come to its end: what a proof is made of."""

    counted: Counted
    learner: Learner
    space: Space


def proofs_of(results: Iterable[Result]) -> tuple[Proof, ...]:
    """Return the proofs of *results*, one for each abstraction that was needed; () for none."""
    claims: dict[Exhausted, list[str]] = {}
    for result in results:
        if isinstance(result.proof, Exhausted):
            claims.setdefault(result.proof, []).append(result.property.name)
    return tuple(_proof_of(evidence, names) for evidence, names in claims.items())


def _proof_of(evidence: Exhausted, claims: Iterable[str]) -> Proof:
    counted, learner, space = evidence.counted, evidence.learner, evidence.space
    base, shared = counted.base, len(counted.base.shared)
    seen = [
        [learner.value(n, number) for number in range(learner.known(n))]
        for n in range(len(counted.components))
    ]
    return Proof(
        tuple(claims),
        base.size,
        counted.many - 1,
        tuple(
            (
                base.model.components[relation.component].name,
                relation.number,
                relation.constant,
                tuple((f, place, w) for (f, place), w in sorted(relation.weights.items())),
            )
            for relation in counted.relations
        ),
        tuple(
            (base.model.components[i].name, tuple(_texts(base, i)[_int(n)] for n in seen[at]))
            for at, i in enumerate(base.shared)
        ),
        tuple((f.name, tuple(_texts(base, f.members[0]))) for f in base.families),
        tuple(
            (*counted.counted_at(n), tuple(map(_ints, seen[n]))) for n in range(shared, len(seen))
        ),
        tuple(space.all_states()),
    )


def _texts(base: Base, component: int) -> list[str]:
    """Return what the values of *component* are called, each by a text of its own."""
    found: dict[str, int] = {}
    for number in range(base.learner.known(component)):
        text = repr(base.learner.value(component, number))
        while text in found:
            text += "'"
        found[text] = number
    return list(found)


def _short(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}..."


def _int(value: Hashable) -> int:
    assert isinstance(value, int)  # noqa: S101 - a shared part
    return value


def _ints(value: Hashable) -> tuple[int, ...]:
    assert isinstance(value, tuple)  # noqa: S101 - counts
    return value


# -- verifying ---------------------------------------------------------------------------------


class NoProofError(Exception):
    """What a certificate says is not so; the text says what."""


class _Given(Counted):
    """An abstraction in which every run begins in one of the states that are given."""

    given: Sequence[Abstract] = ()

    def initial(self) -> Iterable[Abstract]:
        """Yield the states given."""
        return self.given


def relations_of(proof: Proof, base: Base) -> list[Relation]:
    """Return the relations that *proof* leans on, of *base*.

    Raises:
        NoProofError: the model has no such parts, or a step does not keep a relation.
    """
    found = []
    for component, number, constant, weights in proof.relations:
        if component not in base.names or base.names[component] not in base.growing:
            raise NoProofError(f"{component!r} holds no number that grows in the model")
        index = base.names[component]
        if not 0 <= number < len(base.growing[index]):
            raise NoProofError(f"{component!r} has no such number in the model")
        by_place = {
            (f, _place(proof, base, f, place)): weight for f, place, weight in weights if weight
        }
        found.append(Relation(index, number, by_place, constant))
        wrong = unproven(base, found[-1])
        if wrong is not None:
            raise NoProofError(f"a relation is not kept by {wrong}")
    return found


def _place(proof: Proof, base: Base, family: int, place: int) -> int:
    """Return the place of *base* that *place* of *proof* is called after."""
    if not 0 <= family < min(len(base.families), len(proof.places)):
        raise NoProofError("it speaks of more families than the model has")
    name, texts = proof.places[family]
    if name != base.families[family].name or not 0 <= place < len(texts):
        raise NoProofError(f"the model has no {name} at place {place}")
    known = _texts(base, base.families[family].members[0])
    if texts[place] not in known:
        raise NoProofError(f"no thread of {name} stands at {_short(texts[place])} in the model")
    return known.index(texts[place])


def vectors_of(proof: Proof, counted: Counted) -> list[Abstract]:
    """Return the states that *proof* names, of *counted*.

    Raises:
        NoProofError: the model has no such parts.
    """
    base = counted.base
    if [name for name, _ in proof.parts] != [base.model.components[i].name for i in base.shared]:
        raise NoProofError("the model has other parts")
    parts: list[list[Hashable]] = []
    for index, (name, texts) in zip(base.shared, proof.parts, strict=True):
        known = {text: number for number, text in enumerate(_texts(base, index))}
        missing = next((text for text in texts if text not in known), None)
        if missing is not None:
            raise NoProofError(f"{name} is never {_short(missing)} in the model")
        numbers = [known[text] for text in texts]
        if index in base.growing and any(_clipped(base, index, n) != n for n in numbers):
            raise NoProofError(f"{name} is told apart from what the model takes for the same")
        parts.append(list(numbers))
    columns = dict(enumerate(parts)) | _columns(proof, counted)
    if columns.keys() != {*range(len(counted.components))}:
        raise NoProofError("it counts other places than the model has")
    # The state's parts come in the order of the proof, those of a vector in the model's.
    order = sorted(range(len(columns)), key=[*columns].__getitem__)
    values = list(columns.values())
    turned = [
        [values[n][number] for number in column]
        for n, column in enumerate(zip(*proof.states, strict=True))
    ]
    return list(zip(*(turned[n] for n in order), strict=True)) if proof.states else []


def _clipped(base: Base, component: int, number: int) -> int:
    try:
        return base.clip(component, *base.split(component, number))
    except UnseenError:
        return -1


def _columns(proof: Proof, counted: Counted) -> dict[int, list[Hashable]]:
    """Return, by component of counts, the counts that its numbers in *proof* stand for."""
    found: dict[int, list[Hashable]] = {}
    for family, members, values in proof.counts:
        places = [
            counted.places[family][_place(proof, counted.base, family, member)]
            for member in members
        ]
        component = min((place.component for place in places), default=-1)
        positions = [place.position for place in places]
        whole = len(counted.counted_at(component)[1]) if component >= 0 else 0
        if sorted(positions) != [*range(whole)] or any(p.component != component for p in places):
            raise NoProofError("it counts places together that the model does not")
        if any(len(v) != whole or not all(0 <= n <= counted.many for n in v) for v in values):
            raise NoProofError("it counts above its bound")
        found[component] = [tuple(v[positions.index(n)] for n in range(whole)) for v in values]
    return found


def closed(
    counted: Counted, vectors: Sequence[Abstract], targets: Mapping[str, Formula], run: Searching
) -> tuple[str, Space | None]:
    """Return why *vectors* do not exclude the *targets*, "" if they do, and the steps taken."""
    states = set(vectors)
    if not states or any(start not in states for start in counted.initial()):
        return "not every beginning is among its states", None
    if not all(map(counted.possible, states)):
        return "a state of it breaks a relation that it leans on", None
    given = _Given(counted.base, counted.many - 1, counted.relations, counted.least)
    given.given = list(states)
    options = Options(targets=targets, limits=Limits(states=len(states) + 1))
    try:
        space = run(CountedLearner(given), options)
    except UnseenError:
        return "a step leads to what the model's tables do not show", None
    if space.states > len(states):
        return "a step leads out of its states", space
    if space.hits:
        return f"a state of it decides {', '.join(space.hits)} otherwise", space
    return ("" if space.complete else space.stopped or "not every step was taken"), space


@attrs.frozen
class Verified:
    """What verifying one proof has come to.

    Attributes:
        claims: what it is a proof of.
        why: why it is no proof; "" where it is one.
        states: how many abstract states it names.
        transitions: how many steps were taken out of them.
        engine: which engine took the steps; "" where none was taken.
        prover: what proved the relations beside the tables; "" where nothing did.
    """

    claims: tuple[str, ...]
    why: str
    states: int
    transitions: int = 0
    engine: str = ""
    prover: str = ""


# -- the file ----------------------------------------------------------------------------------


def to_json(certificate: Certificate) -> str:
    """Return *certificate* as the text of a file; equal ones give equal texts."""
    body = {
        "schema_version": SCHEMA_VERSION,
        "kind": "certificate",
        "model": certificate.model,
        "parameters": dict(certificate.parameters),
        "proofs": [
            {**attrs.asdict(proof, recurse=False), "states": _packed(proof.states)}
            for proof in certificate.proofs
        ],
    }
    return json.dumps(body) + "\n"


def _packed(states: Sequence[State]) -> str:
    """Return *states* as text: part by part, for what lies side by side then is alike."""
    numbers = array("H", chain.from_iterable(zip(*states, strict=True)))
    if sys.byteorder != "little":
        numbers.byteswap()
    return base64.b64encode(zlib.compress(numbers.tobytes(), 6)).decode("ascii")


def from_json(text: str, where: str) -> Certificate:
    """Return the certificate in *text*; *where* it stands is for errors.

    Raises:
        DataError: it is none.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is no certificate: no JSON ({error})") from None
    if not isinstance(body, dict) or body.get("kind") != "certificate":
        raise DataError(f"{where} is no certificate: it has no kind 'certificate'")
    if body.get("schema_version") != SCHEMA_VERSION:
        raise DataError(
            f"{where} is a certificate of schema {body.get('schema_version')!r}; this regsim "
            f"reads {SCHEMA_VERSION}"
        )
    try:
        return _certificate(body)
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error, zlib.error) as error:
        raise DataError(f"{where} is a damaged certificate: {error!r}") from None


def _certificate(body: Mapping[str, Any]) -> Certificate:
    parameters = {str(key): value for key, value in body["parameters"].items()}
    if not all(isinstance(value, int | str) for value in parameters.values()):
        raise ValueError("a parameter is neither a number nor a text")
    if not body["proofs"]:
        raise ValueError("it proves nothing")
    return Certificate(_text(body["model"]), parameters, tuple(map(_proof, body["proofs"])))


def _text(value: Any) -> str:  # noqa: ANN401 - checked here
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _whole(value: Any) -> int:  # noqa: ANN401 - checked here
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no whole number")
    return value


def _proof(body: Any) -> Proof:  # noqa: ANN401 - checked here
    parts = tuple((_text(name), tuple(map(_text, texts))) for name, texts in body["parts"])
    counts = tuple(
        (
            _whole(family),
            tuple(map(_whole, members)),
            tuple(tuple(map(_whole, value)) for value in values),
        )
        for family, members, values in body["counts"]
    )
    limits = [len(values) for _, values in parts] + [len(values) for _, _, values in counts]
    return Proof(
        tuple(map(_text, body["claims"])),
        _whole(body["members"]),
        _whole(body["bound"]),
        tuple(
            (
                _text(component),
                _whole(number),
                _whole(constant),
                tuple((_whole(f), _whole(p), _whole(w)) for f, p, w in weights),
            )
            for component, number, constant, weights in body["relations"]
        ),
        parts,
        tuple((_text(name), tuple(map(_text, texts))) for name, texts in body["places"]),
        counts,
        _unpacked(_text(body["states"]), limits),
    )


def _unpacked(text: str, limits: Sequence[int]) -> tuple[State, ...]:
    """Return the states in *text*, each number of which is below its limit."""
    numbers = array("H")
    numbers.frombytes(zlib.decompress(base64.b64decode(text, validate=True)))
    if sys.byteorder != "little":
        numbers.byteswap()
    width = len(limits)
    if not width or len(numbers) % width:
        raise ValueError("its states are cut off")
    count = len(numbers) // width
    columns = [numbers[at * count : (at + 1) * count] for at in range(width)]
    if any(max(column, default=0) >= limit for column, limit in zip(columns, limits, strict=True)):
        raise ValueError("a state of it has a part that is not listed")
    return tuple(zip(*columns, strict=True))
