"""Logos: what is taken is made anew, what could do harm is refused (with its line in the configuration, tests/test_configuration.py)."""

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image

from adapter.errors import Misconfigured
from adapter.infra.logo import drawable_logo, read_logo

SVG = 'xmlns="http://www.w3.org/2000/svg"'
SECRET = b"Ada Example, 52.5 N 13.4 E"


def encoded(image, kind, **more):
    out = BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


def picture(mode="RGBA", size=(200, 80), colour="#1f3a5f80"):
    return Image.new(mode, size, colour)


def bomb(width, height):
    """A PNG of a few bytes that says it has that many pixels."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("kind", "made"), [("PNG", "PNG"), ("WEBP", "PNG"), ("GIF", "PNG"), ("JPEG", "JPEG")])
def test_every_kind_of_picture_is_taken_by_its_content(kind, made):
    source = picture("RGB", colour="#1f3a5f") if kind == "JPEG" else picture()
    with Image.open(BytesIO(drawable_logo(encoded(source, kind)))) as image:
        assert (image.format, image.size) == (made, (200, 80))
    assert drawable_logo(encoded(source, kind)) == drawable_logo(encoded(source, kind))


def test_names_and_places_are_gone_and_pictures_stand_upright():
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = SECRET.decode(), 6
    content = encoded(picture("RGB", colour="#1f3a5f"), "JPEG", exif=exif, comment=SECRET) + b"PK\x03\x04" + SECRET
    made = drawable_logo(content)
    assert SECRET in content
    assert SECRET not in made
    assert b"PK\x03\x04" not in made
    with Image.open(BytesIO(made)) as image:
        assert image.size == (80, 200)
        assert len(image.getexif()) == 0


def test_transparency_is_kept_and_needless_pixels_are_not():
    with Image.open(BytesIO(drawable_logo(encoded(picture(size=(2000, 2000)), "PNG")))) as image:
        assert image.size == (384, 384)
        assert image.getpixel((0, 0))[3] == 128


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the file is empty"),
        (b"logo", "no PNG, JPEG, GIF, WebP or SVG, whatever its name says"),
        (encoded(picture("RGB", colour="red"), "BMP"), "no PNG, JPEG, GIF, WebP or SVG, whatever its name says"),
        (encoded(picture(), "PNG")[:60], "broken"),
        (encoded(picture("RGB", colour="red"), "JPEG")[:300], "broken"),
        (bomb(2001, 2000), "2001 × 2000 pixels; at most 4 million"),
        (bomb(20_000, 20_000), "broken: Image size"),
        (b"\x89PNG\r\n\x1a\n" + bytes(10 * 1024 * 1024), "larger than 10 MB"),
    ],
)  # fmt: skip
def test_what_is_no_picture_or_too_large_is_refused(content, problem):
    with pytest.raises(Misconfigured, match=problem):
        drawable_logo(content)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(Misconfigured, match=r"no file logo\.png that can be read"):
        read_logo(tmp_path / "logo.png")


def test_a_drawing_keeps_its_shapes_and_loses_the_rest():
    content = f"""<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
    <!-- {SECRET.decode()} --><svg {SVG} xmlns:ed="http://editor.example/ns" width="20px" height="10" ed:by="me" data-x="1">
    <title>Logo</title><metadata><ed:author>{SECRET.decode()}</ed:author></metadata><ed:view zoom="2"/>
    <style>.a {{ fill: url(#g) }}</style><defs><linearGradient id="g"><stop offset="0" stop-color="#c33"/></linearGradient></defs>
    <g transform="scale(2)"><path class="a" style="stroke:#123" d="M0 0h5v5z"/></g></svg>""".encode()
    made = drawable_logo(content).decode()
    assert made.startswith('<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10" viewBox="0 0 20 10">')
    for kept in (".a { fill: url(#g) }", '<stop offset="0" stop-color="#c33"/>', '<path class="a" style="stroke:#123" d="M0 0h5v5z"/>'):
        assert kept in made
    for gone in (SECRET.decode(), "DOCTYPE", "<title", "metadata", "editor", "zoom", "data-x"):
        assert gone not in made
    assert drawable_logo(made.encode()).decode() == made


@pytest.mark.parametrize(
    ("inside", "problem"),
    [
        ("<script>alert(1)</script>", "<script>"),
        ("<foreignObject><p xmlns='http://www.w3.org/1999/xhtml'>x</p></foreignObject>", "<foreignObject>"),
        ("<image href='file:///etc/passwd'/>", "<image>"),
        ("<use href='#a'/>", "<use>"),
        ("<text>Arial?</text>", "<text>"),
        ("<a href='https://evil.example'><path d='M0 0'/></a>", "<a>"),
        ("<filter id='f'/>", "<filter>"),
        ("<mask id='m'/>", "<mask>"),
        ("<rect><animate attributeName='x'/></rect>", "<animate>"),
        ("<metadata><script/></metadata>", "<script>"),
        ("<rect onclick='alert(1)'/>", "has onclick"),
        ("<path href='#x'/>", "has href"),
        ("<rect fill='url(https://evil.example/x.svg#g)'/>", "fill of <rect>"),
        ("<rect style='filter: blur(9px)'/>", "style of <rect>"),
        ("<rect style='fill:\\75rl(//evil.example)'/>", "style of <rect>"),
        ("<style>@import 'https://evil.example/a.css';</style>", "style sheet"),
        ("<style>rect { background: image-set('//evil.example/a') }</style>", "style sheet"),
        ("<g>" * 5001 + "</g>" * 5001, "cannot be read|elements"),
        ("<rect/>" * 5001, "5002 elements"),
        ("<path d='" + "M0 0 " * 60_000 + "'/>", "bytes; at most 262144"),
        ("<rect>", "cannot be read"),
        ("<path d='M0 0L999999999 5'/>", "d of <path> has a number that is too large"),
        ("<circle r='1E+30'/>", "r of <circle> has a number"),
    ],
)
def test_a_drawing_that_could_do_something_is_refused(inside, problem):
    with pytest.raises(Misconfigured, match=problem):
        drawable_logo(f"<svg {SVG} viewBox='0 0 9 9'>{inside}</svg>".encode())


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (f"<!DOCTYPE svg [<!ENTITY a 'b'>]><svg {SVG} viewBox='0 0 1 1'><g>&a;</g></svg>", "declares entities"),
        (f"<!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><svg {SVG} viewBox='0 0 1 1'><title>&a;</title></svg>", "entities"),
        ("<html><body>logo</body></html>", "begins with html"),
        ("<svg viewBox='0 0 1 1'/>", "begins with svg"),
        (f"<svg {SVG}/>", "neither a viewBox nor a width and a height"),
        (f"<svg {SVG} width='100%' height='5'/>", "neither a viewBox"),
        (f"<svg {SVG} viewBox='0 0 0 5'/>", "is not x, y, width and height"),
    ],
)
def test_a_drawing_that_is_none_is_refused(content, problem):
    with pytest.raises(Misconfigured, match=problem):
        drawable_logo(content.encode())


def test_nested_entities_do_not_grow():
    lol = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 12))
    with pytest.raises(Misconfigured):
        drawable_logo(f"<!DOCTYPE svg [<!ENTITY l0 'lol'>{lol}]><svg {SVG} viewBox='0 0 1 1' id='&l11;'><g>&l11;</g></svg>".encode())


def test_long_names_and_many_places_are_no_large_numbers():
    content = f"""<svg {SVG} viewBox="0 0 9 9"><defs><clipPath id="p1234567890">
    <path d="M0 0.1234567890.1234567890 1e-12z"/></clipPath></defs>
    <rect clip-path="url(#p1234567890)" width="99999999" height="1e5" fill="#1e90ff"/></svg>""".encode()
    assert drawable_logo(content).count(b"1234567890") == 4
