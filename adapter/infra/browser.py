"""Finding a headless Chromium and the fonts that documents are set in, and installing what is missing."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from adapter.errors import Misconfigured

Report = Callable[[str], None]

SYSTEM = (
    "/usr/lib/chromium/chromium-headless-shell",
    "chromium-headless-shell",
    "chrome-headless-shell",
    "/usr/lib/chromium/chromium",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
)
"""Where distributions put a Chromium, the headless shell first: it prints inside the renderer, at half to a third of the CPU time."""

SCRIPTS = {
    "Latin": ("Noto Sans:lang=de", "fonts-noto-core"),
    "CJK": (":lang=ja:lang=zh-cn:lang=ko", "fonts-noto-cjk"),
    "Arabic": (":lang=ar", "fonts-noto-core"),
    "emoji": (":lang=und-zsye", "fonts-noto-color-emoji"),
}
"""Script to the fontconfig pattern that some font must match, and the Debian package that brings one."""

TYPEFACES = {
    "Noto Sans": "fonts-noto-core",
    "Noto Serif": "fonts-noto-core",
    "Liberation Sans": "fonts-liberation",
    "Liberation Serif": "fonts-liberation",
    "DejaVu Sans": "fonts-dejavu-core",
    "DejaVu Serif": "fonts-dejavu-core",
}
"""What `branding.font` may be, to the Debian package that brings it."""


def find_chromium(explicit: str | None = None) -> Path | None:
    """The Chromium to use, or None when there is none.

    `explicit` (the setting ADAPTER_CHROMIUM) wins, and raises `Misconfigured` when it is no executable file. Then Playwright's own
    headless shell, the newest that was downloaded completely; then what the system has.
    """
    if explicit:
        found = shutil.which(explicit)
        if found is None:
            raise Misconfigured("ADAPTER_CHROMIUM", f"{explicit!r} is not an executable file; leave it out to have a Chromium found")
        return Path(found)
    return next(iter(_downloaded()), None) or next((Path(path) for name in SYSTEM if (path := shutil.which(name))), None)


def fonts_missing() -> list[str]:
    """The scripts that no installed font covers, out of Latin, CJK, Arabic and emoji; all of them where fontconfig is missing."""
    return [script for script, (pattern, _) in SCRIPTS.items() if not _matches(pattern)]


def install(report: Report = lambda line: None, explicit: str | None = None) -> list[str]:
    """Bring a Chromium, the fonts and poppler's tools onto this machine, and return what was done, line by line.

    Does nothing, quickly, when a Chromium, a font for each script and the tools are there; else it brings all typefaces as well. `explicit`
    is as for `find_chromium`. The Chromium comes from
    Playwright's download, else from the distribution by apt-get, which needs root or sudo without a password. Raises `Misconfigured` that
    says what to run by hand.
    """
    done: list[str] = []

    def say(line: str) -> None:
        done.append(line)
        report(line)

    browser = find_chromium(explicit)
    if browser is None and _download(say):
        browser = find_chromium()
    packages = sorted({SCRIPTS[script][1] for script in fonts_missing()})
    if not shutil.which("pdftotext"):
        packages.append("poppler-utils")
    if browser is None or packages:
        _apt(sorted({*packages, *TYPEFACES.values()}), browser is None, say)
    _verify(say, explicit)
    return done


def _downloaded() -> list[Path]:
    """Playwright's headless shells, newest revision first."""
    root = os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "")
    folder = Path(root) if root not in {"", "0"} else Path.home() / ".cache" / "ms-playwright"
    versions = [path for path in folder.glob("chromium_headless_shell-*") if (path / "INSTALLATION_COMPLETE").exists()]
    versions.sort(key=lambda path: int(re.sub(r"\D", "", path.name) or 0), reverse=True)
    shells = (shell for path in versions for name in ("chrome-headless-shell", "headless_shell") for shell in path.glob(f"*/{name}"))
    return [shell for shell in shells if os.access(shell, os.X_OK)]


def _matches(pattern: str) -> bool:
    """Whether fontconfig knows a font for every language of the pattern."""
    tool = shutil.which("fc-list")
    if tool is None:
        return False
    family, *languages = pattern.split(":")
    return all(_output([tool, f"{family}:{language}", "family"]).strip() for language in languages)


def _output(command: Sequence[str], seconds: float = 10) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False).stdout  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _run(command: Sequence[str], seconds: float) -> str | None:
    """Run a command with nobody to answer its questions; None when it succeeded, else the end of what it said."""
    try:
        result = subprocess.run(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    except subprocess.TimeoutExpired:
        return f"no end after {seconds:.0f} s"
    except OSError as error:
        return str(error)
    return None if result.returncode == 0 else " ".join(result.stdout.split())[-400:]


def _download(say: Report) -> bool:
    say("No Chromium found: downloading Playwright's headless shell (at most two minutes) …")
    problem = _run([sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"], 120)
    shell = next(iter(_downloaded()), None)
    if problem is None and shell is not None and _output([str(shell), "--version"]):
        say(f"Downloaded {shell}")
        return True
    if shell is not None:
        # A shell whose libraries this system lacks would be found first for ever.
        shutil.rmtree(shell.parent.parent, ignore_errors=True)
    say(f"The download did not work: {problem or 'the shell does not start on this system'}")
    return False


def _apt(packages: Iterable[str], browser: bool, say: Report) -> None:
    wanted = [*(["chromium-headless-shell"] if browser else []), *packages]
    apt = shutil.which("apt-get")
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if apt is None or (prefix and _run(["sudo", "-n", "true"], 10) is not None):
        return
    command = [*prefix, apt, "install", "-y", "--no-install-recommends"]
    say(f"Installing {' '.join(wanted)} …")
    problem = _run([*command, *wanted], 600)
    if problem is not None:
        say("Not in the package lists that this system has: updating them …")
        _run([*prefix, apt, "update"], 300)
        problem = _run([*command, *wanted], 600)
    if problem is not None and browser:
        wanted[0] = "chromium"
        say(f"Installing {' '.join(wanted)} …")
        problem = _run([*command, *wanted], 600)
    say("Installed" if problem is None else f"apt-get did not succeed: {problem}")


def _verify(say: Report, explicit: str | None) -> None:
    missing = fonts_missing()
    browser = find_chromium(explicit)
    if browser is not None and not missing:
        say(f"Chromium: {browser}; fonts for {', '.join(SCRIPTS)}")
        return
    packages = ["chromium-headless-shell"] if browser is None else []
    packages += sorted({SCRIPTS[script][1] for script in missing})
    lacks = [*(["a headless Chromium"] if browser is None else []), *(f"a font for {script}" for script in missing)]
    remedy = f"as root, apt-get install -y {' '.join(packages)} fontconfig"
    if browser is None:
        remedy += f"; or run {sys.executable} -m playwright install --only-shell chromium; or set ADAPTER_CHROMIUM to an installed one"
    raise Misconfigured("ADAPTER_CHROMIUM" if browser is None else "fonts", f"this machine lacks {', '.join(lacks)}: {remedy}")
