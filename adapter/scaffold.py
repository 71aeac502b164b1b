"""A new connector: one folder that works at once, made from `templates/connector/`."""

import keyword
import re
from pathlib import Path
from string import Template

from adapter.errors import Misconfigured

TEMPLATES = Path(__file__).parents[1] / "templates" / "connector"
_SUFFIX = ".template"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_TITLE = re.compile(r'[^"\\$\x00-\x1f\x7f]{1,80}')


def new_connector(name: str, title: str, target: Path) -> list[Path]:
    """Write the folder `target/name` and return its files, sorted.

    `name` is lower case and a Python identifier: it is the folder, the package and the value of `connector = …`. `title` is what a merchant
    reads. `target` is an existing package of connectors, such as `connectors/`. Raises `Misconfigured`, and writes nothing, when one of
    them is not usable or the folder is there already.
    """
    folder = target / name
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise Misconfigured("connector name", f"{name!r} must be lower case letters, digits and _, such as my_shop, and no word of Python")
    if not _TITLE.fullmatch(title) or title != title.strip():
        raise Misconfigured("connector title", f"{title!r} must be 1 to 80 characters without quotes, backslashes, $ and line breaks")
    if not target.is_dir():
        raise Misconfigured("target", f"{target} is not a folder; name the one that holds the connectors")
    if folder.exists():
        raise Misconfigured("connector name", f"{folder} exists already; choose another name")
    words = {"name": name, "title": title, "header": name.replace("_", "-"), "suite": suite_name(name)}
    written = []
    for template in sorted(TEMPLATES.rglob(f"*{_SUFFIX}")):
        file = folder / template.relative_to(TEMPLATES).with_suffix("")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(Template(template.read_text(encoding="utf-8")).substitute(words), encoding="utf-8")
        written.append(file)
    return sorted(written)


def suite_name(name: str) -> str:
    """`MyShop` for `my_shop`: the part of a test class's name that says which connector it is about."""
    return "".join(part.capitalize() for part in name.split("_"))
