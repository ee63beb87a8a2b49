"""The tables of KB Q241572, `affected` over them, and the command that prints the answer."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import attrs
import jsonschema
import pytest
from click.testing import CliRunner, Result

import regsim
from regsim.cli.affected import command
from regsim.dialects.article import FILES, LISTINGS, affected, service_packs
from regsim.errors import RegsimError, UnknownNameError, UsageError

SCHEMA = json.loads(
    (Path(regsim.__file__).parent / "schemas" / "affected.json").read_text(encoding="utf-8")
)

PRODUCTS = "nt4-workstation, nt4-server, nt4-server-enterprise, nt4-tse"
FIXED = dt.date(1999, 9, 1)
EVE = dt.date(1999, 8, 31)

# Every product and service pack there is: affected, and on whose word.
NT4_ROWS = [
    *(("nt4-workstation", sp, True, "KB Q241572") for sp in ("rtm", "1", "2", "3", "4", "5", "6a")),
    *(("nt4-server", sp, True, "KB Q241572") for sp in ("rtm", "1", "2", "3", "4", "5", "6a")),
    ("nt4-workstation", "6", True, "KB Q272239"),
    ("nt4-server", "6", True, "KB Q272239"),
    *(
        ("nt4-server-enterprise", sp, True, "KB Q272239")
        for sp in ("rtm", "1", "2", "3", "4", "5", "6", "6a")
    ),
]
TSE_ROWS = [
    ("nt4-tse", "rtm", True, "KB Q241572"),
    ("nt4-tse", "4", True, "KB Q241572"),
    ("nt4-tse", "5", False, "KB Q241572"),
    ("nt4-tse", "6", False, "KB Q241572"),
]
ROWS = NT4_ROWS + TSE_ROWS


def run(*args: str) -> Result:
    """Run the command and give back its result, letting regsim's own errors through."""
    result = CliRunner().invoke(command, list(args), catch_exceptions=True)
    if isinstance(result.exception, RegsimError):
        raise result.exception
    return result


# -- the tables ------------------------------------------------------------------------------


def test_rows_are_all_there_are() -> None:
    """The expectations cover each product and service pack of the table and no others."""
    expected = {(product, sp) for product, sp, _, _ in ROWS}

    assert len(ROWS) == len(expected) == 28
    assert {(p, sp) for p in LISTINGS for sp in LISTINGS[p]} == expected


@pytest.mark.parametrize(("product", "sp", "hit", "source"), ROWS)
def test_row(product: str, sp: str, hit: bool, source: str) -> None:
    """A product at a service pack is affected, or not, as the named article says."""
    answer = affected(product, sp)

    assert answer.affected is hit
    assert answer.source == source
    assert answer.reason


@pytest.mark.parametrize("row", FILES, ids=lambda row: f"{row.name}-{row.platform}")
@pytest.mark.parametrize(("product", "sp"), [row[:2] for row in NT4_ROWS])
def test_every_file_row_at_every_pack(row: object, product: str, sp: str) -> None:
    """The date of each listed file decides, whichever service pack lies below it."""
    answer = affected(product, sp, row.platform, row.date, row.size)

    assert answer.affected is not row.fixed
    assert f"Tapisrv.exe is dated {row.date}" in answer.reason
    assert "the date decides, not the size" in answer.reason


@pytest.mark.parametrize("row", FILES, ids=lambda row: f"{row.name}-{row.platform}")
@pytest.mark.parametrize(("product", "sp", "hit", "source"), TSE_ROWS)
def test_terminal_server_goes_by_its_pack(
    row: object, product: str, sp: str, hit: bool, source: str
) -> None:
    """On Terminal Server Edition no file changes the answer, and the reason says so."""
    answer = affected(product, sp, row.platform, row.date, row.size)

    assert answer.affected is hit
    assert answer.source == source
    assert "the service pack decides here" in answer.reason
    assert "the article lists no file for this edition" in answer.reason


def test_terminal_server_without_a_file_says_nothing_of_files() -> None:
    """The remark on files appears only where something was said of one."""
    assert "service pack decides" not in affected("nt4-tse", "5").reason
    assert "service pack decides" in affected("nt4-tse", "5", platform="alpha").reason


def test_file_table_is_the_articles() -> None:
    """The files are those of Q241572, Q235373 and Q172965, byte for byte and day for day."""
    rows = [(row.platform, row.date.isoformat(), row.size, row.fixed, row.source) for row in FILES]

    assert rows == [
        ("intel", "1999-09-01", 152848, True, "KB Q241572"),
        ("alpha", "1999-09-01", 243472, True, "KB Q241572"),
        ("intel", "1999-04-29", 152848, False, "KB Q235373"),
        ("intel", "1997-05-01", 120592, False, "KB Q172965"),
    ]


# -- dates and sizes -------------------------------------------------------------------------


@pytest.mark.parametrize("platform", [None, "intel", "alpha"])
@pytest.mark.parametrize(
    ("date", "hit"), [(EVE, True), (FIXED, False), (dt.date(1999, 9, 2), False)]
)
def test_date_decides(platform: str | None, date: dt.date, hit: bool) -> None:
    """A file of 1999-09-01 or later is fixed; one of the day before is not."""
    assert affected("nt4-server", "5", platform, date).affected is hit


def test_date_decides_against_the_size() -> None:
    """SP5's faulty file and the fixed one have one size, so equal sizes get unequal answers."""
    stock = affected("nt4-server", "5", "intel", dt.date(1999, 4, 29), 152_848)
    fixed = affected("nt4-server", "5", "intel", FIXED, 152_848)

    assert (stock.affected, fixed.affected) == (True, False)
    assert "the fixed file (Intel) and SP5's file (Intel)" in stock.reason


@pytest.mark.parametrize("size", [152_848, 243_472, 120_592, 1])
def test_size_alone_changes_nothing(size: int) -> None:
    """Without a date the service pack answers, and the reason says that size alone cannot tell."""
    answer = affected("nt4-workstation", "6a", file_size=size)

    assert answer.affected is True
    assert "size alone cannot tell" in answer.reason


def test_unknown_size_is_said() -> None:
    """A size that no article lists is named as such."""
    reason = affected("nt4-server", "4", file_size=152_849).reason

    assert "no article lists a Tapisrv.exe of 152,849 bytes" in reason


@pytest.mark.parametrize(
    ("platform", "size", "text"),
    [
        ("alpha", 152_848, "152,848 bytes is the size of the Intel file, not of an Alpha one"),
        ("intel", 243_472, "243,472 bytes is the size of the Alpha file, not of an Intel one"),
        ("intel", 152_848, "is the size of the fixed file (Intel) and SP5's file (Intel)"),
        ("alpha", 243_472, "is the size of the fixed file (Alpha)"),
        (None, 120_592, "is the size of SP3's file (Intel)"),
    ],
)
def test_size_is_held_against_the_platform(platform: str | None, size: int, text: str) -> None:
    """A size of the other platform's file is said to be so, and one that fits is named."""
    assert text in affected("nt4-server", "5", platform, file_size=size).reason


def test_date_adds_the_article_as_a_source() -> None:
    """Where Q272239 names the product but Q241572 the file, both are the source."""
    assert (
        affected("nt4-server", "6", file_date=FIXED).source == "KB Q272239; KB Q241572 for the file"
    )
    assert affected("nt4-server", "5", file_date=FIXED).source == "KB Q241572"


# -- what helps ------------------------------------------------------------------------------


@pytest.mark.parametrize("product", ["nt4-workstation", "nt4-server", "nt4-server-enterprise"])
def test_remedy_is_the_hotfix(product: str) -> None:
    """The remedy is the hotfix: from support, for this very problem, in no service pack."""
    answer = affected(product, "6a")

    assert "hotfix" in answer.remedy
    assert "Product Support Services only" in answer.remedy
    assert "only for systems that have this very problem" in answer.remedy
    assert "never shipped in a service pack" in answer.remedy
    assert answer.workaround == "stop the Telephony service before logging off"


def test_remedy_on_terminal_server_is_the_service_pack() -> None:
    """Terminal Server Edition is cured by its SP5, and Q152734 tells how to get it."""
    answer = affected("nt4-tse", "4")

    assert "Service Pack 5" in answer.remedy
    assert "KB Q152734" in answer.remedy
    assert "hotfix" not in answer.remedy
    assert answer.workaround == "stop the Telephony service before logging off"


@pytest.mark.parametrize(
    "answer", [affected("nt4-tse", "5"), affected("nt4-server", "5", None, FIXED)]
)
def test_nothing_is_needed_where_nothing_is_wrong(answer: object) -> None:
    """A system that is not affected needs neither remedy nor workaround."""
    assert answer.affected is False
    assert (answer.remedy, answer.workaround) == ("none needed", "none needed")


@pytest.mark.parametrize(
    ("sp", "inferred"), [("rtm", False), ("1", True), ("3", True), ("4", False)]
)
def test_enterprise_packs_between_the_listed_ones_are_inferred(sp: str, inferred: bool) -> None:
    """Q272239 lists Enterprise without a pack and from SP4 on; what lies between is inferred."""
    assert ("is taken as affected" in affected("nt4-server-enterprise", sp).reason) is inferred


def test_terminal_server_names_the_discrepancy() -> None:
    """The answer for SP5 admits that the list of its fixes does not name the problem."""
    assert "KB Q240331" in affected("nt4-tse", "5").reason


# -- wrong use -------------------------------------------------------------------------------


def test_unknown_product_lists_the_products() -> None:
    """An unknown product is refused with the four there are."""
    with pytest.raises(UnknownNameError) as caught:
        affected("nt5", "rtm")

    assert str(caught.value) == f"unknown product 'nt5'; known: {PRODUCTS}"


@pytest.mark.parametrize("sp", ["1", "2", "3", "6a", "7", ""])
def test_terminal_server_has_four_packs(sp: str) -> None:
    """A service pack that Terminal Server Edition never had is refused with those it had."""
    with pytest.raises(UnknownNameError) as caught:
        affected("nt4-tse", sp)

    assert str(caught.value).startswith(f"unknown service pack of nt4-tse {sp!r}")
    assert str(caught.value).endswith("; known: rtm, 4, 5, 6")


@pytest.mark.parametrize("sp", ["0", "7", "SP5", "6A", ""])
def test_nt4_has_eight_packs(sp: str) -> None:
    """A service pack that NT 4.0 never had is refused with those it had."""
    with pytest.raises(UnknownNameError) as caught:
        affected("nt4-server", sp)

    assert caught.value.known == ("rtm", "1", "2", "3", "4", "5", "6", "6a")


@pytest.mark.parametrize("product", ["nt4-server", "nt4-tse"])
def test_platform_is_one_of_two(product: str) -> None:
    """Intel and Alpha are platforms; another is refused with both, on every product."""
    assert affected(product, "4", "intel").affected is True
    assert affected(product, "4", "alpha").affected is True
    with pytest.raises(UnknownNameError, match="unknown platform 'mips'; known: intel, alpha"):
        affected(product, "4", "mips")


@pytest.mark.parametrize("product", ["nt4-server", "nt4-tse"])
def test_size_is_above_zero(product: str) -> None:
    """One byte is a size; none and fewer are refused."""
    assert affected(product, "4", file_size=1).affected is True
    for size in (0, -1):
        with pytest.raises(UsageError, match=f"above 0, but is {size}"):
            affected(product, "4", file_size=size)


def test_service_packs_of_an_unknown_product() -> None:
    """Asking for the packs of no product raises, of a product gives them in order."""
    assert service_packs("nt4-tse") == ("rtm", "4", "5", "6")
    with pytest.raises(UnknownNameError):
        service_packs("nt4")


def test_answer_is_frozen() -> None:
    """An answer cannot be changed."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        affected("nt4-tse", "5").affected = True


# -- the command -----------------------------------------------------------------------------


@pytest.mark.parametrize(("product", "sp", "hit", "source"), ROWS)
def test_json_is_the_answer(product: str, sp: str, hit: bool, source: str) -> None:
    """``--json`` prints one object that fits the schema, and the exit code is the answer."""
    result = run("--product", product, "--sp", sp, "--json")
    found = json.loads(result.output)  # of both streams: nothing is said beside it

    jsonschema.validate(found, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert found == {"schema_version": 1, **attrs.asdict(affected(product, sp))}
    assert (found["affected"], found["source"]) == (hit, source)
    assert result.exit_code == (1 if hit else 0)


def test_schema_refuses_what_is_not_the_answer() -> None:
    """The schema takes neither a missing nor an extra field nor another version."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    good = {"schema_version": 1, **attrs.asdict(affected("nt4-tse", "5"))}
    bad = [
        {key: value for key, value in good.items() if key != "reason"},
        {**good, "more": 1},
        {**good, "schema_version": 2},
        {**good, "affected": "no"},
    ]

    jsonschema.validate(good, SCHEMA)
    for found in bad:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(found, SCHEMA)


def test_text_names_everything() -> None:
    """The text says yes or no, why, on whose word, and what helps, within 78 ASCII columns."""
    result = run("--product", "nt4-server", "--sp", "5", "--file-size", "152,848")
    lines = result.stdout.splitlines()

    assert lines[0] == "Affected:   yes"
    assert [line.split(":")[0] for line in lines if not line.startswith(" ")] == [
        "Affected",
        "Why",
        "Source",
        "Remedy",
        "Workaround",
    ]
    assert all(len(line) <= 78 for line in lines)
    assert result.stdout.isascii()
    assert result.exit_code == 1


def test_file_options_reach_the_answer() -> None:
    """Platform, date and size on the command line give the same answer as in the library."""
    result = run(
        *("--product", "nt4-server", "--sp", "5", "--platform", "intel"),
        *("--file-date", "1999-09-01", "--file-size", "152848", "--json"),
    )
    same = affected("nt4-server", "5", "intel", FIXED, 152_848)

    assert json.loads(result.stdout) == {"schema_version": 1, **attrs.asdict(same)}
    assert result.exit_code == 0


@pytest.mark.parametrize(
    "text", ["09/01/99", "1999-9-1", "19990901", "1999-W35-3", "1999-02-30", "", "soon"]
)
def test_date_has_one_form(text: str) -> None:
    """A date that is not written YYYY-MM-DD, or does not exist, is refused in one line."""
    with pytest.raises(UsageError) as caught:
        run("--product", "nt4-server", "--sp", "5", "--file-date", text)

    assert str(caught.value) == f"--file-date is a date such as 1999-09-01, but is {text!r}"


@pytest.mark.parametrize("text", ["", "big", "-1", "1.5", "0x10", "\N{SUPERSCRIPT TWO}", "9" * 19])
def test_size_is_a_number(text: str) -> None:
    """A size that is no plain number of bytes is refused in one line."""
    with pytest.raises(UsageError) as caught:
        run("--product", "nt4-server", "--sp", "5", "--file-size", text)

    assert str(caught.value).startswith("--file-size is a number of bytes such as 152848, but is ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (
            ("--sp", "5"),
            f"--product is missing; known: {PRODUCTS}",
        ),
        (("--product", "nt4-tse"), "--sp is missing; known: rtm, 4, 5, 6"),
        (("--product", "nt4-server"), "--sp is missing; known: rtm, 1, 2, 3, 4, 5, 6, 6a"),
        (
            ("--product", "nt5"),
            f"unknown product 'nt5'; known: {PRODUCTS}",
        ),
        (
            ("--product", "nt4-tse", "--sp", "6a"),
            "unknown service pack of nt4-tse '6a' (did you mean '6'?); known: rtm, 4, 5, 6",
        ),
    ],
)
def test_wrong_usage_lists_what_exists(args: tuple[str, ...], text: str) -> None:
    """A missing or unknown name raises a usage error of one line that lists those there are."""
    with pytest.raises(UsageError) as caught:
        run(*args)

    assert str(caught.value) == text


def test_unknown_option_is_wrong_usage() -> None:
    """An option that does not exist ends with exit code 2."""
    assert run("--product", "nt4-tse", "--sp", "5", "--colour", "red").exit_code == 2


def test_help_names_every_option() -> None:
    """``--help`` names the options and the products."""
    result = run("--help")

    assert result.exit_code == 0
    for name in ("--product", "--sp", "--platform", "--file-date", "--file-size", "--json"):
        assert name in result.stdout
    assert "nt4-server-enterprise" in result.stdout
