"""Run programs of ``winreg`` calls and write what each call gave; the same file on both sides.

``python winreg_side.py real|simulated PROGRAMS ANSWERS``: the module of CPython for Windows, or the
simulated one on a machine of Wine's dialect. A program is a list of ``[name or null, expression]``,
an answer a list of JSON.
"""

# ruff: noqa: PLC0415 - each side has its own modules

import json
import re
import sys


def registry():
    """Return the ``winreg`` to judge or to be judged by."""
    if sys.argv[1] == "real":
        import winreg

        return winreg
    from regsim.testing._fake.computer import logged_on
    from regsim.testing.winreg import bind

    computer = logged_on("wine", bare=True)
    return bind(computer.machine, computer.process)


def shown(value, handle_type, depth=0):
    """Return *value* so that equal ones are equal JSON; handles and times are told by kind."""
    if isinstance(value, handle_type):
        return "PyHKEY" + ("" if value.handle else " (closed)")
    if isinstance(value, (tuple, list)) and depth < 3:
        return [type(value).__name__, *(shown(one, handle_type, depth + 1) for one in value)]
    if isinstance(value, int) and not isinstance(value, bool) and value > 10**15:
        return "a large number"
    return f"{type(value).__name__}: {value!r}"


def failed(error):
    """Return what an exception says; the system's own words for a code are not compared."""
    if isinstance(error, OSError):
        return ["OSError", type(error).__name__, error.errno, error.winerror, error.filename]
    return [type(error).__name__, re.sub(r"0x[0-9a-fA-F]+", "0x", str(error))]


def run(program, winreg):
    """Return the answers to *program*."""
    names = {name: getattr(winreg, name) for name in dir(winreg) if name.isupper()}
    names["W"] = winreg
    answers = []
    for name, source in program:
        value = 0
        try:
            value = eval(source, names)  # noqa: S307 - our own program
            answers.append(shown(value, winreg.HKEYType))
        except Exception as error:  # noqa: BLE001 - whatever it raises is the answer
            answers.append(["raised", *failed(error)])
        if name:
            names[name] = 0 if value is None else value
    return answers


def main():
    """Run every program of the first file, each from where the one before left the registry."""
    with open(sys.argv[2], encoding="ascii") as file:  # noqa: PTH123 - as small as can be
        programs = [json.loads(line) for line in file]
    winreg = registry()
    with open(sys.argv[3], "w", encoding="ascii", newline="\n") as file:  # noqa: PTH123
        file.writelines(json.dumps(run(program, winreg)) + "\n" for program in programs)


if __name__ == "__main__":
    main()
