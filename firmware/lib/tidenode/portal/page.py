"""The page that a person sees: for a phone, by itself, without a script."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_TOP = (
    "<!doctype html><html lang=en><meta charset=utf-8>"
    "<meta name=viewport content='width=device-width,initial-scale=1'>"
    "%s<title>Tidegauge set-up</title><style>"
    ":root{color-scheme:light dark;--b:#f2f5f7;--c:#fff;--t:#14242e;--m:#5c6f7b;--l:#d5dee4;"
    "--a:#0b6e8f;--e:#a3231b;--f:#fdecea}"
    "@media(prefers-color-scheme:dark){:root{--b:#0e171c;--c:#18242b;--t:#e6eef2;--m:#93a6b1;"
    "--l:#2c3c45;--a:#4db6d6;--e:#ff9d94;--f:#3a1d1b}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--b);color:var(--t);font:17px/1.45 system-ui,sans-serif}"
    "main{max-width:28rem;margin:auto;padding:1.5rem 1rem 3rem}"
    "h1{font-size:1.55rem;margin:.2rem 0 .3rem}p{margin:.3rem 0 1rem;color:var(--m)}"
    "h2{font-size:.85rem;letter-spacing:.06em;text-transform:uppercase;color:var(--m);"
    "margin:1.6rem 0 .5rem}"
    ".k{background:var(--c);border:1px solid var(--l);border-radius:14px;overflow:hidden}"
    ".k label{display:flex;align-items:center;gap:.75rem;padding:.8rem 1rem;min-height:3.2rem}"
    ".k label+label{border-top:1px solid var(--l)}"
    ".k label:has(:checked){background:color-mix(in srgb,var(--a) 12%%,transparent)}"
    ".k span{flex:1;min-width:0;overflow-wrap:anywhere}small{color:var(--m)}"
    "input[type=radio],input[type=checkbox]{width:1.25rem;height:1.25rem;margin:0;"
    "accent-color:var(--a);flex:none}"
    ".t{display:block;margin:0 0 .9rem}.t b{display:block;font-weight:600;margin:0 0 .3rem}"
    ".t input,.k input[type=text]{width:100%%;font:inherit;padding:.7rem .8rem;color:inherit;"
    "background:var(--c);border:1px solid var(--l);border-radius:10px}"
    "i{display:flex;gap:2px;align-items:flex-end;height:16px}"
    "i u{width:4px;border-radius:1px;background:var(--l)}i u.o{background:var(--a)}"
    ".e{background:var(--f);color:var(--e);border-radius:12px;padding:.8rem 1rem;margin:1rem 0}"
    "button{width:100%%;font:600 1.05rem system-ui,sans-serif;padding:.95rem;margin:1.2rem 0 0;"
    "border:0;border-radius:12px;background:var(--a);color:var(--c)}"
    "h2{display:flex;align-items:center;justify-content:space-between}"
    "h2 button{width:auto;min-height:2.75rem;margin:0;padding:0 .9rem;font-size:.95rem;"
    "color:var(--a);background:none;border:1px solid var(--l)}.h{position:absolute;left:-99rem}"
    ".n{display:flex;gap:.7rem;margin:1rem .2rem 0;color:var(--m);font-size:.95rem}"
    "</style><main>"
)
_REFRESH = "<meta http-equiv=refresh content=3>"
_JOINING = (
    "<h1>Joining %s…</h1><p>This takes up to 20 seconds. If it works, the board starts anew and "
    "this Wi-Fi goes away: there is nothing more to do.</p><p>If your phone loses this Wi-Fi and "
    "it comes back, join it again: the page will say what went wrong.</p>"
)
_DONE = (
    "<h1>Done</h1><p>The board starts anew and joins %s. This Wi-Fi goes away, and your "
    "phone finds its own again.</p>"
)
_FORM = (
    "<h1>Set up this board</h1><p>Choose the Wi-Fi it is to use.</p>%s"
    "<form method=post action=/ autocomplete=off><input type=hidden name=token value=%s>"
    # What Enter presses is the first button: it is to connect.
    "<button class=h tabindex=-1 aria-hidden=true>Connect</button>"
    "<h2>Network<button name=look value=1 formnovalidate>Look again</button></h2><div class=k>"
)
_NONE = "<label><small>No network is in reach.</small></label>"
_NETWORK = "<label><input type=radio name=ssid value='%s'%s><span>%s%s</span><i>%s</i></label>"
_OTHER = (
    "<label><input type=radio name=ssid value=''%s><span><input type=text name=other maxlength=32 "
    "aria-label='Name of another network' placeholder='Another network' value='%s'"
    " autocapitalize=none></span></label></div>"
)
_KEY = (
    "<h2>Password</h2><label class=t><input type=password name=password maxlength=64 "
    "aria-label=Password placeholder='Empty for an open network'></label>"
)
_NAMES = (
    "<h2>This board</h2><label class=t><b>Name</b><input name=thing maxlength=64 required "
    "value='%s' placeholder=greenhouse-1 autocapitalize=none></label>"
    "<label class=t><b>Site</b><input name=site maxlength=64 required value='%s' placeholder=farm "
    "autocapitalize=none></label>"
)
_END = (
    "<label class=n><input type=checkbox name=insist value=1>Save without trying: the network is "
    "not here yet.</label><button>Connect</button></form>"
)
_BARS_DBM = (-200, -80, -67, -55)


class Page:
    """What there is to see; `networks` are (name, RSSI, whether it has a password)."""

    def __init__(self, token: str, nameless: bool, networks: "list[tuple[str, int, bool]]") -> None:
        self.token = token
        self.nameless = nameless  # whether to ask for thing and site
        self.joining = ""  # the network that is being tried
        self.done = ""  # the one that was written down
        self.mistakes: list[str] = []
        self.filled: dict[str, str] = {}  # what was sent before; never the password
        self.networks = networks

    def parts(self) -> "Iterator[str]":
        """Yield the page, piece by piece."""
        joining, done = self.joining, self.done
        yield _TOP % (_REFRESH if joining else "")
        if joining or done:
            yield (_JOINING % escaped(joining) if joining else _DONE % escaped(done)) + "</main>"
            return
        told = "".join(["<div class=e role=alert>%s</div>" % escaped(one) for one in self.mistakes])
        yield _FORM % (told, self.token)
        chosen = self.filled.get("ssid", "")
        if not self.networks:
            yield _NONE
        for name, rssi_dbm, locked in self.networks:
            checked = " checked" if name == chosen else ""
            note = "" if locked else " <small>open</small>"
            yield _NETWORK % (escaped(name), checked, escaped(name), note, _bars(rssi_dbm))
        other = self.filled.get("other", "")
        yield _OTHER % (
            "" if self._has(chosen) or (self.networks and not other) else " checked",
            escaped(other),
        )
        yield _KEY
        if self.nameless:
            filled = [escaped(self.filled.get(key, "")) for key in ("thing", "site")]
            yield _NAMES % tuple(filled)
        yield _END + "</main>"

    def _has(self, ssid: str) -> bool:
        return ssid in [name for name, _, _ in self.networks]


def escaped(text: str) -> str:
    """Return `text` as it may stand in the page, also within quotes."""
    for character, name in (("&", "amp"), ("<", "lt"), (">", "gt"), ("'", "#39"), ('"', "#34")):
        text = text.replace(character, "&" + name + ";")
    return text


def _bars(rssi_dbm: int) -> str:
    return "".join(
        [
            "<u%s style=height:%dpx></u>" % (" class=o" if rssi_dbm > least else "", 4 + 4 * step)
            for step, least in enumerate(_BARS_DBM)
        ]
    )
