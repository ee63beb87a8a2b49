"""KB Q241572 as data: which products and files it lists, and whether a given system is affected.

Q241572 was last modified on 2002-05-08, Q272239 on 2001-08-08; the latter tells of the same service
and points to the same fix. Sizes and dates are those of the English files; documented.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final

import attrs

from regsim.errors import UnknownNameError, UsageError

ARTICLE: Final = "KB Q241572"
SECOND: Final = "KB Q272239"
FIXED_SINCE: Final = dt.date(1999, 9, 1)
"""The date of the fixed Tapisrv.exe; the article asks for this date or a later one."""


@attrs.frozen
class FileRow:
    """One Tapisrv.exe that an article lists: a date, a size in bytes, a platform, whether fixed."""

    name: str
    platform: str
    date: dt.date
    size: int
    fixed: bool
    source: str


FILES: Final = (
    FileRow("the fixed file", "intel", dt.date(1999, 9, 1), 152_848, True, ARTICLE),
    FileRow("the fixed file", "alpha", dt.date(1999, 9, 1), 243_472, True, ARTICLE),
    FileRow("SP5's file", "intel", dt.date(1999, 4, 29), 152_848, False, "KB Q235373"),
    FileRow("SP3's file", "intel", dt.date(1997, 5, 1), 120_592, False, "KB Q172965"),
)
"""Every Tapisrv.exe that the articles list. SP5's has the very size of the fix."""

PLATFORMS: Final = ("intel", "alpha")
NT4_PACKS: Final = ("rtm", "1", "2", "3", "4", "5", "6", "6a")
TSE_PACKS: Final = ("rtm", "4", "5", "6")

HOTFIX: Final = (
    "the hotfix for Tapisrv.exe (dated 1999-09-01 or later), to be had from Microsoft Product "
    "Support Services only. It is meant only for systems that have this very problem and was never "
    "shipped in a service pack"
)
SERVICE_PACK: Final = (
    "Terminal Server Edition Service Pack 5 or later; KB Q152734 tells how to get the latest one"
)
WORKAROUND: Final = "stop the Telephony service before logging off"
NONE_NEEDED: Final = "none needed"


@attrs.frozen
class Listing:
    """What the articles say of one product at one service pack."""

    affected: bool
    reason: str
    source: str


def _nt4(title: str) -> Mapping[str, Listing]:
    rows = {
        pack: Listing(True, f"the article lists {title}{_with(pack)}", ARTICLE)
        for pack in NT4_PACKS
    }
    text = f"{SECOND} lists {title} with SP6 and points to the same fix; the article names SP6a"
    rows["6"] = Listing(True, text, SECOND)
    return rows


def _enterprise() -> Mapping[str, Listing]:
    title = "Windows NT Server 4.0, Enterprise Edition"
    named = f"{SECOND} lists {title}%s and points to the same fix; the article omits this edition"
    taken = f"{SECOND} lists {title} with SP4 and with none; SP%s between them is taken as affected"
    return {
        pack: Listing(
            True, taken % pack if pack in ("1", "2", "3") else named % _with(pack), SECOND
        )
        for pack in NT4_PACKS
    }


def _tse() -> Mapping[str, Listing]:
    title = "Windows NT Server 4.0, Terminal Server Edition"
    fixed = (
        f"the article says that the problem was first corrected in SP5 of {title}, "
        "although KB Q240331, the list of what SP5 fixes, does not name it"
    )
    return {
        "rtm": Listing(True, f"the article lists {title} without a service pack", ARTICLE),
        "4": Listing(True, f"the article lists {title} with SP4", ARTICLE),
        "5": Listing(False, fixed, ARTICLE),
        "6": Listing(False, fixed, ARTICLE),
    }


def _with(pack: str) -> str:
    return " without a service pack" if pack == "rtm" else f" with SP{pack}"


TSE: Final = "nt4-tse"
LISTINGS: Final[Mapping[str, Mapping[str, Listing]]] = {
    "nt4-workstation": _nt4("Windows NT Workstation 4.0"),
    "nt4-server": _nt4("Windows NT Server 4.0"),
    "nt4-server-enterprise": _enterprise(),
    TSE: _tse(),
}
"""Every product and service pack there is, with what the articles say of it."""


@attrs.frozen
class Affected:
    """Whether a system is affected, why, on whose word, what helps, and what helps meanwhile."""

    affected: bool
    reason: str
    source: str
    remedy: str
    workaround: str


def affected(
    product: str,
    sp: str,
    platform: str | None = None,
    file_date: dt.date | None = None,
    file_size: int | None = None,
) -> Affected:
    """Return whether *product* at service pack *sp* is affected, by the articles' own tables.

    The date of Tapisrv.exe decides where it is given; its size never does, since SP5's faulty file
    is exactly as long as the fixed one. On Terminal Server Edition the service pack decides.
    Raises `UnknownNameError` for a name that does not exist and `UsageError` for a size below 1.

    >>> affected("nt4-server", "6a").affected
    True
    >>> affected("nt4-server", "5", file_date=dt.date(1999, 9, 1), file_size=152_848).affected
    False
    """
    listing = _listing(product, sp)
    if platform is not None and platform not in PLATFORMS:
        raise UnknownNameError("platform", platform, PLATFORMS)
    if file_size is not None and file_size < 1:
        raise UsageError(f"a file size is a number of bytes above 0, but is {file_size}")
    if product == TSE:
        return _by_service_pack(listing, (platform, file_date, file_size) != (None, None, None))
    return _by_file(listing, platform, file_date, file_size)


def service_packs(product: str) -> tuple[str, ...]:
    """Return the names of *product*'s service packs; raise `UnknownNameError` for no product."""
    if product not in LISTINGS:
        raise UnknownNameError("product", product, LISTINGS)
    return tuple(LISTINGS[product])


def _listing(product: str, sp: str) -> Listing:
    packs = service_packs(product)
    if sp not in packs:
        raise UnknownNameError(f"service pack of {product}", sp, packs)
    return LISTINGS[product][sp]


def _by_service_pack(listing: Listing, file_given: bool) -> Affected:
    reason = listing.reason
    if file_given:
        reason += (
            "; the service pack decides here, and what was said of the file does not count: "
            "the article lists no file for this edition"
        )
    return _answer(listing.affected, reason, listing.source, SERVICE_PACK)


def _by_file(
    listing: Listing, platform: str | None, date: dt.date | None, size: int | None
) -> Affected:
    hit, reasons = listing.affected, [listing.reason]
    source = listing.source
    if date is not None:
        hit = date < FIXED_SINCE
        reasons.append(_on_date(date))
        if source != ARTICLE:
            source = f"{source}; {ARTICLE} for the file"
    if size is not None:
        reasons.append(_on_size(platform, size, dated=date is not None))
    return _answer(hit, "; ".join(reasons), source, HOTFIX)


def _answer(hit: bool, reason: str, source: str, remedy: str) -> Affected:
    if not hit:
        return Affected(hit, reason, source, NONE_NEEDED, NONE_NEEDED)
    return Affected(hit, reason, source, remedy, WORKAROUND)


def _on_date(date: dt.date) -> str:
    if date < FIXED_SINCE:
        return f"Tapisrv.exe is dated {date}, before the fixed file's {FIXED_SINCE}"
    return f"but Tapisrv.exe is dated {date}, and the file dated {FIXED_SINCE} or later is fixed"


def _on_size(platform: str | None, size: int, *, dated: bool) -> str:
    told = "the date decides, not the size" if dated else "size alone cannot tell: give the date"
    known = [row for row in FILES if row.size == size]
    here = [row for row in known if platform in (None, row.platform)]
    if not known:
        return f"no article lists a Tapisrv.exe of {size:,} bytes; {told}"
    if not here:
        other = known[0].platform.capitalize()
        where = str(platform).capitalize()
        return f"{size:,} bytes is the size of the {other} file, not of an {where} one; {told}"
    names = " and ".join(f"{row.name} ({row.platform.capitalize()})" for row in here)
    return f"{size:,} bytes is the size of {names}; {told}"
