"""The tags of a PDF by Chromium, made small and complete: structure tree, marked content, links.

Chromium wraps every run of text in a structure element of its own, gives each table cell its default attributes, and names elements by
numbers that count over the life of the browser. None of it helps a reader, and all of it is removed. Text in the margin boxes of `@page`
and what is hidden from readers (`aria-hidden`) is left untagged by Chromium, which PDF/UA forbids: it is marked as an artifact.
"""

from collections.abc import Iterable, Iterator

from pikepdf import Array, Dictionary, Name, Object, Pdf, String

from adapter.infra.glyphs import glyph_widths, with_joined_strings, without_boxes
from adapter.infra.tags import children, is_element, is_wrapper

_MERGED = frozenset({"/TD", "/TH", "/P", "/H1", "/H2", "/H3", "/Link", "/Span", "/LBody", "/Lbl", "/Figure", "/NonStruct"})
"""Elements that take over the content of the wrappers in them."""
_OF_TABLES = frozenset({"/TR", "/THead", "/TBody", "/TFoot", "/Caption"})
"""What a table may hold (ISO 32000-1, 14.8.4.3.4)."""
_PAINTING = frozenset({b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*", b"S", b"s"})
_CLIPPING = frozenset({b"n", b"W n", b"W* n"})

Moved = dict[tuple[int, int], Object]


def slim_structure(document: Pdf) -> None:
    """Drop wrappers, default attributes and node numbers from the structure tree. Nothing that a reader is told changes."""
    tree = document.Root.get("/StructTreeRoot")
    if tree is None:
        return
    moved: Moved = {}
    for element in _elements(tree):
        _splice(element, moved)
        _keep_useful_attributes(element)
        if "/ID" in element:
            del element["/ID"]
    for element in list(_elements(tree)):
        if str(element.S) == "/Table":
            _lift(element)
    if "/IDTree" in tree:
        del tree["/IDTree"]
    if moved:
        _repoint_parents(tree.ParentTree, moved)
        _repoint_outline(document.Root.get("/Outlines"), moved)


def rewrite_pages(document: Pdf) -> None:
    """Mark everything that is painted outside of marked content as an artifact, decoration that readers skip; join strings, drop boxes."""
    for page in document.pages:
        widths = glyph_widths(page.obj)
        contents = page.get("/Contents")
        for stream in contents if isinstance(contents, Array) else [contents]:
            if stream is not None:
                stream.write(with_artifacts(without_boxes(with_joined_strings(stream.read_bytes(), widths), widths)))


def describe_links(document: Pdf) -> None:
    """Give every link without a description its address as one (PDF/UA-1, 7.18.5)."""
    for page in document.pages:
        for annotation in page.get("/Annots", ()):
            if annotation.get("/Subtype") == Name.Link and "/Contents" not in annotation:
                action = annotation.get("/A")
                annotation["/Contents"] = String(str(action.get("/URI", "Link")) if action is not None else "Link")


def with_artifacts(content: bytes) -> bytes:
    """A page's content stream, one operation per line as Skia writes it, with what is outside of marked content wrapped."""
    out: list[bytes] = []
    pending: list[bytes] = []
    depth, text = 0, False

    def flush(artifact: bool) -> None:
        out.extend((b"/Artifact BMC", *pending, b"EMC") if artifact else pending)
        pending.clear()

    for line in content.split(b"\n"):
        if text or pending:
            pending.append(line)
            if text and line == b"ET":
                text = False
                flush(True)
            elif not text and (line in _PAINTING or line in _CLIPPING):
                flush(line in _PAINTING)
        elif depth == 0 and line == b"BT":
            text = True
            pending.append(line)
        elif depth == 0 and line.endswith((b" m", b" re")):
            pending.append(line)
        elif depth == 0 and line.endswith((b" Do", b" sh")):
            pending.append(line)
            flush(True)
        else:
            depth += line.endswith((b"BDC", b"BMC"))
            depth -= line == b"EMC"
            out.append(line)
    flush(False)
    return b"\n".join(out)


def _elements(tree: Object) -> Iterator[Object]:
    """Every element that is in the tree when its parent has been dealt with: from the root downwards."""
    waiting = [kid for kid in children(tree) if is_element(kid)]
    while waiting:
        element = waiting.pop()
        yield element
        waiting.extend(kid for kid in children(element) if is_element(kid))


def _lift(table: Object) -> None:
    """Put what a page keeps together with a table's last rows, in a row without a role, behind the table: it is no part of it."""
    kids, parent = children(table), table.P
    rows = [kid for kid in kids if not is_element(kid) or str(kid.S) in _OF_TABLES]
    if len(rows) == len(kids):
        return
    lifted = [kid for kid in kids if kid not in rows]
    table["/K"] = Array(rows)
    for kid in lifted:
        kid["/P"] = parent
    siblings = children(parent)
    place = next(at for at, kid in enumerate(siblings, 1) if is_element(kid) and kid.objgen == table.objgen)
    parent["/K"] = Array([*siblings[:place], *lifted, *siblings[place:]])


def _splice(element: Object, moved: Moved) -> None:
    """Take the content of the wrappers in this element into the element itself."""
    if str(element.S) not in _MERGED:
        return
    before = children(element)
    if not any(is_wrapper(kid) for kid in before):
        return
    page = element.get("/Pg") or next(_pages(before), None)
    after = list(_content(element, before, element.get("/Pg") or page, page, moved))
    if page is not None:
        element["/Pg"] = page
    element["/K"] = after[0] if len(after) == 1 else Array(after)


def _content(owner: Object, kids: Iterable[Object], own_page: Object | None, page: Object | None, moved: Moved) -> Iterator[Object]:
    """The kids, wrappers replaced by what is in them; a number of another page than the owner's becomes a reference."""
    for kid in kids:
        if is_wrapper(kid):
            moved[kid.objgen] = owner
            yield from _content(owner, children(kid), kid.get("/Pg") or own_page, page, moved)
        elif isinstance(kid, int) and own_page is not None and page is not None and own_page.objgen != page.objgen:
            yield Dictionary(Type=Name.MCR, Pg=own_page, MCID=kid)
        else:
            if is_element(kid):
                kid["/P"] = owner
            yield kid


def _pages(kids: Iterable[Object]) -> Iterator[Object]:
    for kid in kids:
        if is_wrapper(kid):
            page = kid.get("/Pg")
            if page is not None:
                yield page
            else:
                yield from _pages(children(kid))


def _keep_useful_attributes(element: Object) -> None:
    """Of a table cell's attributes keep its scope and real spans."""
    attributes = element.get("/A")
    if attributes is None:
        return
    kept = []
    for entry in attributes if isinstance(attributes, Array) else [attributes]:
        if not isinstance(entry, Dictionary) or entry.get("/O") != Name.Table:
            kept.append(entry)
            continue
        useful = {key: value for key, value in entry.items() if key == "/Scope" or (key in {"/RowSpan", "/ColSpan"} and value != 1)}
        if useful:
            kept.append(Dictionary({"/O": Name.Table, **useful}))
    if kept:
        element["/A"] = kept[0] if len(kept) == 1 else Array(kept)
    else:
        del element["/A"]


def _survivor(element: Object, moved: Moved) -> Object:
    while (owner := moved.get(element.objgen)) is not None:
        element = owner
    return element


def _repoint_parents(node: Object, moved: Moved) -> None:
    """Let the parent tree name the elements that took over."""
    for kid in node.get("/Kids", ()):
        _repoint_parents(kid, moved)
    numbers = node.get("/Nums")
    if numbers is None:
        return
    for index in range(1, len(numbers), 2):
        entry = numbers[index]
        if not isinstance(entry, Array):
            numbers[index] = _survivor(entry, moved)
            continue
        for position, element in enumerate(entry):
            if isinstance(element, Dictionary) and element.objgen in moved:
                entry[position] = _survivor(element, moved)


def _repoint_outline(item: Object | None, moved: Moved) -> None:
    while item is not None:
        element = item.get("/SE")
        if element is not None:
            item["/SE"] = _survivor(element, moved)
        _repoint_outline(item.get("/First"), moved)
        item = item.get("/Next")
