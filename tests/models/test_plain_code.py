"""A service in plain Python against the step program that it stands for, and what is refused."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from regsim.models import shared_host, two_users
from regsim.models.q241572 import VARIANTS, telephony
from wrong_services import WRONG

from regsim import accel, dialects
from regsim.actors import bystanders, winlogon
from regsim.actors.stage import SUBKEY, asked_by
from regsim.actors.telephony import Request, Strategy, worker
from regsim.check.property import always
from regsim.check.verify import ENGINES, check, check_all
from regsim.errors import UnknownNameError, UsageError
from regsim.explore import learned
from regsim.explore.asking import PlainCodeError
from regsim.explore.claims import View
from regsim.explore.learned import program
from regsim.explore.scene import Scene
from regsim.explore.service import model
from regsim.explore.system import System
from regsim.keypath import user_root

NATIVE = accel.NATIVE is not None


def naive(win: Any) -> None:
    """Serve requests as the stock service does, and close the root after each."""
    while win.wait("request"):
        with win.impersonating("user"):
            try:
                key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, SUBKEY)
            except FileNotFoundError:
                continue
            except OSError:
                key = None
            if key is None:
                win.work("gives the error back")
                continue
            win.work("reads the user information")
            win.RegCloseKey(key)
            win.RegCloseKey(win.HKEY_CURRENT_USER)


def uncached(win: Any) -> None:
    """Serve requests by a root of each call's own."""
    while win.wait("request"):
        with win.impersonating("user"):
            try:
                root = win.RegOpenCurrentUser()
            except FileNotFoundError:
                continue
            key = win.RegOpenKeyEx(root, SUBKEY)
            win.work("reads the user information")
            win.RegCloseKey(key)
            win.RegCloseKey(root)


ROWS = [
    (telephony, "buggy", 1, 0, 1, (63, 141, 18), 63),
    (telephony, "forced", 1, 0, 1, (132, 310, 20), 132),
    (telephony, "buggy", 2, 1, 2, (1_065, 4_423, 27), 663),
    (uncached, "uncached", 2, 1, 2, (1_320, 5_548, 27), 774),
    (naive, "naive", 2, 1, 2, (2_400, 10_036, 34), 1_314),
]


def _case(code: Callable, variant: str, workers: int, services: int, queue: int) -> System:
    scene = Scene(VARIANTS[variant].os)
    scene.add("winlogon", winlogon.patient(force=VARIANTS[variant].force))
    scene.add("icw", bystanders.wizard(queue), process="session")
    learned = program("tapisrv", code, scene.dialect)
    scene.add("worker", learned, count=workers, process="tapisrv")
    scene.add("service", bystanders.service(), count=services)
    anywhere = scene.at("winlogon", *winlogon.patient().by_label)
    return scene.system("plain", always("anything", anywhere))


@pytest.mark.parametrize("engine", ENGINES[1:])
@pytest.mark.parametrize(
    ("code", "variant", "workers", "services", "queue", "counts", "symmetric"), ROWS
)
def test_plain_code_has_the_counts_of_its_step_program(
    code: Callable,
    variant: str,
    workers: int,
    services: int,
    queue: int,
    counts: tuple[int, int, int],
    symmetric: int,
    engine: str,
) -> None:
    """The published counts of KB Q241572 come out of the service written in plain Python."""
    if engine == "c" and not NATIVE:
        pytest.skip("the C engine is not built")
    case = _case(code, variant, workers, services, queue)
    (full,) = check_all(case, all_states=True, engine=engine)
    (less,) = check_all(case, all_states=True, engine=engine, reduce="symmetry")

    assert (full.states, full.transitions, full.depth) == counts
    assert less.states == symmetric


def _shared_host() -> System:
    scene = Scene("w2k")
    scene.add("winlogon", winlogon.patient())
    scene.add("icw", bystanders.wizard(1), process="session")
    for code in (telephony, shared_host.neighbour):
        scene.add(code.__name__, program(code.__name__, code, scene.dialect), process="host")
    return scene.system("plain", always("anything", scene.at("icw", "user")))


def _two_users(*, plain: bool) -> System:
    """Return two threads of one process, each of which serves one user."""
    hives = {name: user_root(sid) for name, sid in two_users.USERS.items()}
    scene = Scene("w2k", hives=hives)
    codes = {"alice": two_users.for_alice, "bob": two_users.for_bob}
    for name, sid in two_users.USERS.items():
        scene.machine.mount_hive(user_root(sid), two_users._profile())
        scene.add(name, two_users._user(asked_by(name), 1))
        asks = Request(asked_by(name), sid, f"serve-{name}")
        code = worker(scene.dialect, Strategy.STOCK, requests=(asks,))
        if plain:
            code = program(name, codes[name], scene.dialect, two_users.USERS)
        scene.add(f"worker of {name}", code, process="service")
    return scene.system("plain", always("anything", scene.at("alice", "session")))


@pytest.mark.parametrize(
    ("plain", "steps"),
    [
        (_shared_host, lambda: shared_host.model(telephony="stock", neighbour="stock")),
        (lambda: _two_users(plain=True), lambda: _two_users(plain=False)),
    ],
)
def test_the_plain_code_of_an_incident_is_its_step_program(
    plain: Callable, steps: Callable
) -> None:
    """What `regsim fix` edits has the states and transitions of what `regsim check` explores."""
    (found,), (asked, *_) = (check_all(make(), all_states=True) for make in (plain, steps))

    assert (found.states, found.transitions, found.depth) == (
        asked.states,
        asked.transitions,
        asked.depth,
    )


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", WRONG, ids=lambda code: code.__name__)
def test_code_that_cannot_be_explored_is_refused_with_its_line(
    code: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be run again, or means nothing, is one line that names the place and the way."""
    lines, first = inspect.getsourcelines(code)
    (at,) = [number for number, line in enumerate(lines) if "# <-" in line or "<- " in line]
    why = lines[at].partition("<- ")[2].strip()
    monkeypatch.setattr(learned, "MOST", 50)
    with pytest.raises(PlainCodeError) as refused:
        model(os="win11").service(code).user_logs_on_and_off().check(engine="python")

    assert str(refused.value).startswith(f"{inspect.getsourcefile(code)}, line {first + at}: ")
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(not NATIVE, reason="the C engine is not built")
def test_an_error_of_the_code_is_not_taken_for_one_of_the_engine() -> None:
    """Where the code breaks under the C engine, it is refused, and not begun again in Python."""

    def service(win: Any) -> None:
        while win.wait("request"):
            if win.shared.n == 1:
                raise ValueError("of its own")
            win.shared.n = 1

    found = model(os="win11").service(service).user_logs_on_and_off()

    with pytest.raises(PlainCodeError, match="of its own"):
        found.check(engine="c")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda m: m.user_logs_on_and_off(), "no service"),
        (lambda m: m.service(telephony), "nobody uses"),
        (lambda m: m.service(telephony, threads=0), "from 1 on"),
        (lambda m: m.service("telephony"), "no function"),
        (lambda m: m.service(telephony).service(telephony), "give this one a name="),
        (lambda m: m.user_logs_on_and_off(0), "once or more"),
    ],
)
def test_a_model_that_means_nothing_is_refused(make: Callable, why: str) -> None:
    """What a model lacks, or cannot have, is said before anything is explored."""
    with pytest.raises(UsageError, match=why):
        make(model(os="win11")).check()


def test_a_system_without_plain_code_is_named_with_what_it_lacks() -> None:
    """Where no code can be explored, the system is blamed, and no call; NT 4.0 is none of those."""

    def service(win: Any) -> None:
        win.wait("request")

    narrow = attrs.evolve(dialects.get("nt4-rtm"), refcount_bits=4)
    asked = model(os="win95").service(service).user_logs_on_and_off()

    with pytest.raises(PlainCodeError, match="on Windows 95: every open of a key gives the same"):
        asked.check()
    with pytest.raises(PlainCodeError, match=r"Windows NT 4.0: its counter .* has 4 bits"):
        program("service", service, narrow)
    assert program("service", service, dialects.get("nt4-rtm")).automaton.states


@pytest.mark.parametrize("name", ["request", "session"])
def test_a_script_cannot_wait_for_what_nobody_does(name: str) -> None:
    """Where nobody logs on, or two stay, a wait for one user's doings is refused with its line."""

    def script(win: Any) -> None:
        win.RegCloseKey(win.RegOpenKeyEx(win.HKEY_USERS, ".DEFAULT"))
        win.wait(name)

    line = script.__code__.co_firstlineno + 2
    case = model(os="w2k").service(script)
    for found, why in (
        (case.nobody_logs_on(), "nobody logs on"),
        (case.two_users_stay_logged_on(), "request of alice"),
    ):
        with pytest.raises(PlainCodeError, match=f"line {line}: unknown thing to wait for.*{why}"):
            found.check()


# -- what is found -------------------------------------------------------------------------------


def leak(win: Any) -> None:
    """Close the key, but not the root that came with it."""
    while win.wait("request"):
        with win.impersonating("user"):
            try:
                with win.OpenKey(win.HKEY_CURRENT_USER, r"Software\Vendor") as key:
                    win.work(win.QueryValueEx(key, "Colour")[0])
            except OSError:
                continue


def race(win: Any) -> None:
    """Close the root under the other threads."""
    while win.wait("request"):
        with win.impersonating("user"):
            try:
                with win.OpenKey(win.HKEY_CURRENT_USER, r"Software\Vendor") as key:
                    win.work(win.QueryValueEx(key, "Colour")[0])
            except OSError:
                continue
            finally:
                win.CloseKey(win.HKEY_CURRENT_USER)


def right(win: Any) -> None:
    """Open a root of one's own and close it."""
    while win.wait("request"):
        with win.impersonating("user"):
            try:
                root = win.RegOpenCurrentUser()
            except OSError:
                continue
            try:
                with win.OpenKey(root, r"Software\Vendor") as key:
                    win.work(win.QueryValueEx(key, "Colour")[0])
            except OSError:
                win.work("says so")
            win.RegCloseKey(root)


def counted(win: Any) -> None:
    """Close the root with its last user, counted in a critical section."""
    while win.wait("request"):
        with win.impersonating("user"):
            with win.lock("root"):
                win.shared.users += 1
            try:
                win.RegCloseKey(win.RegOpenKeyEx(win.HKEY_CURRENT_USER, r"Software\Vendor"))
            except OSError:
                win.work("says so")
            win.EnterCriticalSection("root")
            win.shared.users -= 1
            if win.shared.users == 0:
                win.RegCloseKey(win.HKEY_CURRENT_USER)
            win.LeaveCriticalSection("root")


def uncounted(win: Any) -> None:
    """Count the users of the root without a critical section."""
    win.wait("request")
    with win.impersonating("user"):
        win.shared.users += 1
        try:
            win.RegCloseKey(win.RegOpenKeyEx(win.HKEY_CURRENT_USER, r"Software\Vendor"))
        except OSError:
            win.work("says so")
        win.shared.users -= 1
        if win.shared.users == 0:
            win.RegCloseKey(win.HKEY_CURRENT_USER)


def own_first(win: Any) -> None:
    """Use one's own HKEY_CURRENT_USER before the user's, whose keys are then never seen."""
    win.RegCloseKey(win.RegOpenKeyEx(win.HKEY_CURRENT_USER, "Software"))
    leak(win)


def own_first_and_kept(win: Any) -> None:
    """Use one's own first, and open the user's last of all, for nothing."""
    win.RegCloseKey(win.RegOpenKeyEx(win.HKEY_CURRENT_USER, "Software"))
    win.wait("request")
    with win.impersonating("user"):
        win.RegOpenKeyEx(win.HKEY_CURRENT_USER, "Software")
        win.work("goes on without it")


CLAIMS = ("released", "no-call-breaks", "right-users-data", "no-thread-fails")


@pytest.mark.parametrize(
    ("code", "violated"),
    [
        (leak, {"released"}),
        (race, {"no-call-breaks"}),
        (right, set()),
        (counted, set()),
        (uncounted, {"released", "no-call-breaks"}),
        (own_first, {"right-users-data"}),
        (own_first_and_kept, {"right-users-data"}),
    ],
)
def test_a_service_is_told_what_is_wrong_with_it(code: Callable, violated: set[str]) -> None:
    """A leak, a race and another's data are each found under Windows 2000; right ones have none."""
    found = model(os="w2k").service(code, threads=2).user_logs_on_and_off().check()

    assert {name for name in CLAIMS if found[name].verdict.value == "violated"} == violated
    assert {found[name].verdict.value for name in CLAIMS} <= {"holds", "violated"}
    assert found["served"].verdict.value == "holds"
    assert found["logoff-ends"].verdict.value == ("violated" if "released" in violated else "holds")


def test_a_service_that_leaks_for_ever_is_explored_to_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """States without end are explored up to a bound; what is not known by then is not claimed."""

    def service(win: Any) -> None:
        while win.wait("request"):
            with win.impersonating("user"):
                win.RegOpenCurrentUser()

    monkeypatch.setattr("regsim.explore.service.MOST_STATES", 300)
    found = model(os="w2k").service(service).user_logs_on_and_off()

    assert found.check("released").verdict.value == "violated"
    assert found.check("no-call-breaks").verdict.value == "inconclusive"
    assert "limit of 300 states" in found.check("no-call-breaks").reasons[0]
    assert found.check("no-call-breaks", max_states=600).states >= 600


def test_a_lone_thread_hides_the_race() -> None:
    """What closes the root after each call breaks nothing as long as there is one thread."""
    alone = model(os="w2k").service(race).user_logs_on_and_off().check("no-call-breaks")

    assert alone.verdict.value == "holds"


def test_who_is_in_a_critical_section_may_enter_it_again() -> None:
    """A second entry does not wait for the first, and both must be left."""

    def service(win: Any) -> None:
        win.wait("request")
        with win.lock("a"), win.lock("a"):
            win.work("alone")

    found = model(os="w2k").service(service, threads=2).user_logs_on_and_off()

    assert found.claim(nobody_ends).check("nobody-ends").verdict.value == "violated"


def nobody_ends(view: View) -> bool:
    """No thread comes to its end."""
    return not view.thread_ended


def waits_for_go(win: Any) -> None:
    """Hold a key until another service says go."""
    win.wait("request")
    with win.impersonating("user"):
        try:
            key = win.RegOpenCurrentUser()
        except OSError:
            return
    win.event("go").wait()
    win.RegCloseKey(key)


def says_go(win: Any) -> None:
    """Say go as soon as somebody asks."""
    win.wait("request")
    win.event("go").set()


def test_an_event_that_nobody_sets_keeps_the_hive() -> None:
    """A service that waits for an event with a key open holds the hive until another sets it."""
    alone = model(os="w2k").service(waits_for_go).user_logs_on_and_off()
    both = alone.service(says_go)

    def sets(win: Any) -> None:
        win.event("go").set()
        while win.wait("request"):
            win.work("x")

    def waits_only(win: Any) -> None:
        win.event("go").wait()

    waits = model(os="w2k").service(waits_only).user_logs_on_and_off()

    def key_is_kept(view: View) -> bool:
        return not (view.resting and view.hive_in_use and not view.request_waits)

    assert alone.check("released").verdict.value == "violated"
    assert both.check("released").verdict.value == "violated", "the user may ask only once"
    assert waits.claim(nobody_ends).check("nobody-ends").verdict.value == "holds"
    assert waits.service(sets).claim(nobody_ends).check("nobody-ends").verdict.value == "violated"
    assert alone.claim(key_is_kept).check("key-is-kept").verdict.value == "violated"


def test_an_event_can_be_looked_at_and_reset() -> None:
    """What looks at an event goes both ways until it is set, and again once it is reset."""

    def service(win: Any) -> None:
        go = win.event("go")
        if go.is_set():
            win.shared.early = 1
        go.set()
        if not go.is_set():
            raise ValueError("it is set and is not")
        go.reset()
        if go.is_set():
            raise ValueError("it is reset and is not")
        win.wait("request")
        win.work("x")

    found = model(os="w2k").service(service).user_logs_on_and_off()

    assert found.check("served").verdict.value == "holds"
    together = model(os="w2k").service(service, threads=2).user_logs_on_and_off()
    with pytest.raises(PlainCodeError, match=r"it is (re)?set and is not"):
        together.check("served", all_states=True)


def test_a_claim_of_ones_own_can_be_any_function_of_what_is_seen() -> None:
    """A claim is asked in every state; one that asks what nobody can tell is refused by name."""

    def saved_means_free(view: View) -> bool:
        """A saved profile is no longer in use."""
        return not view.saved or not view.hive_in_use

    def misspelled(view: View) -> bool:
        return view.hive_in_yuse

    found = model(os="w2k").service(leak).user_logs_on_and_off()

    assert found.claim(saved_means_free).check("saved-means-free").verdict.value == "holds"
    with pytest.raises(UnknownNameError, match="did you mean 'hive_in_use'"):
        found.claim(misspelled).check()


def test_a_file_with_one_service_is_a_model(tmp_path: Path) -> None:
    """`regsim check my_service.py` takes the one plain service at module level."""
    path = tmp_path / "my_service.py"
    path.write_text(
        "import regsim\n"
        "def service(win):\n"
        "    while win.wait('request'):\n"
        "        win.work('x')\n"
        "anything = regsim.model(os='win11').service(service).user_logs_on_and_off()\n",
        "utf-8",
    )

    assert check(path, "served").verdict.value == "holds"


def test_results_show_every_claim_and_the_first_path() -> None:
    """In a notebook the answers are a table of claims, and the first counterexample a picture."""
    found = model(os="w2k").service(leak).user_logs_on_and_off().check()
    shown = found._repr_html_()

    assert shown.count("<tr>") > len(found.answers)
    assert "right-users-data" in shown
    assert "data:image/svg+xml" in shown
    assert (found._repr_svg_() or "").startswith("<svg")
    assert all(answer.property.name in repr(found) for answer in found)


# -- keys whose last reference goes -------------------------------------------------------------


def drops_the_subkey(win: Any) -> None:
    """Drop the subkey and go on with the root."""
    win.wait("request")
    with win.impersonating("user"):
        root = win.RegOpenCurrentUser()
        key = win.OpenKey(root, r"Software\Vendor")
        del key  # <- here
        win.RegCloseKey(root)


def _colour(win: Any, root: Any) -> Any:
    key = win.OpenKey(root, r"Software\Vendor")
    return win.QueryValueEx(key, "Colour")[0]


def drops_in_a_helper(win: Any) -> None:
    """Drop the subkey at the end of another function, and go on with the root."""
    win.wait("request")
    with win.impersonating("user"):
        root = win.RegOpenCurrentUser()
        _colour(win, root)  # <- here
        win.RegCloseKey(root)


def drops_in_two_ways(win: Any) -> None:
    """Drop the subkey in two branches, of which one forgets the root."""
    win.wait("request")
    with win.impersonating("user"):
        root = win.RegOpenCurrentUser()
        key = win.OpenKey(root, r"Software\Vendor")
        if win.shared.before == 0:
            win.shared.before = 1
            del key  # <- here
            win.RegCloseKey(root)
        else:
            del key  # <- here


def _close_all(win: Any, *keys: Any) -> None:
    for key in keys:
        win.RegCloseKey(key)


def holds_keys_in_an_expression(win: Any) -> None:
    """Open keys as the arguments of one call, where no variable has them."""
    win.wait("request")
    with win.impersonating("user"):
        _close_all(
            win, win.RegOpenCurrentUser(), win.RegOpenCurrentUser(), win.RegOpenCurrentUser()
        )


@pytest.mark.parametrize(
    ("code", "violated"),
    [
        (drops_the_subkey, set()),
        (drops_in_a_helper, set()),
        (holds_keys_in_an_expression, set()),
        (drops_in_two_ways, {"released"}),
    ],
)
def test_a_dropped_key_takes_no_other_with_it(code: Callable, violated: set[str]) -> None:
    """What the code still holds stays usable; a root that it forgets in one branch alone leaks."""
    found = model(os="w2k").service(code, threads=2).user_logs_on_and_off().check()

    assert {name for name in CLAIMS if found[name].verdict.value == "violated"} == violated


@pytest.mark.parametrize("code", [drops_the_subkey, drops_in_a_helper, drops_in_two_ways])
def test_a_dropped_key_closes_at_the_line_that_dropped_it(code: Callable) -> None:
    """Each place that drops a key is a state of its own, and has its own line."""
    lines, first = inspect.getsourcelines(code)
    places = {first + number for number, line in enumerate(lines) if "# <- here" in line}
    system = model(os="w2k").service(code, threads=2).user_logs_on_and_off().system()
    check(system, all_states=True, engine="python")
    (known,) = (p.automaton for p in system.programs if isinstance(p, learned.PlainProgram))
    dropped = [s for s in known.states if s.request.place.why == "a key was dropped"]

    assert {state.request.place.line for state in dropped} == places
