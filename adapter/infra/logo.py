"""Logos: known by their content, whatever their name says, and kept as new pictures that hold nothing but pixels or shapes."""

from io import BytesIO
from pathlib import Path

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from adapter.errors import Misconfigured
from adapter.infra.svg import safe_svg

MAXIMUM_PIXELS = 4_000_000
MAXIMUM_BYTES = 10 * 1024 * 1024
PRINTED = (1_560, 384)
"""Pixels that are kept at most: six for each of the 260 × 64 that a logo takes on a page, 576 to the inch."""


def read_logo(path: Path) -> bytes:
    """The logo in a file, as it is stored: see `drawable_logo`. Raises `Misconfigured` also for a file that cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        raise Misconfigured("logo", f"there is no file {path.name} that can be read: {error.strerror}") from None
    return drawable_logo(content)


def drawable_logo(content: bytes) -> bytes:
    """A PNG, JPEG or SVG made from a PNG, JPEG, GIF, WebP or SVG.

    Pixels are encoded anew, upright, in sRGB colours and no larger than a page needs; names, places and dates of cameras, colour
    profiles, further frames and what is hidden behind the picture are gone. Raises `Misconfigured` for an empty, broken or unknown file,
    for more than 4 megapixels or 10 MB, and for an SVG that `adapter.infra.svg` does not take.
    """
    if not content:
        raise Misconfigured("logo", "the file is empty")
    if len(content) > MAXIMUM_BYTES:
        raise Misconfigured("logo", f"the file is larger than {MAXIMUM_BYTES // 1024 // 1024} MB")
    if content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return safe_svg(content)
    try:
        with Image.open(BytesIO(content), formats=("PNG", "JPEG", "GIF", "WEBP")) as image:
            width, height = image.size
            if width * height > MAXIMUM_PIXELS:
                raise Misconfigured(
                    "logo", f"the picture has {width} × {height} pixels; at most {MAXIMUM_PIXELS // 10**6} million are taken"
                )
            return _encoded(image)
    except UnidentifiedImageError:
        raise Misconfigured("logo", "the file is no PNG, JPEG, GIF, WebP or SVG, whatever its name says") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise Misconfigured("logo", f"the picture is broken: {error}") from None


def _encoded(image: Image.Image) -> bytes:
    """The first frame as a PNG, or as a JPEG where it came as one: photographs would be large as a PNG."""
    photograph = image.format == "JPEG"
    pixels = _in_srgb(ImageOps.exif_transpose(image), "RGB" if photograph else "RGBA")
    pixels.thumbnail(PRINTED, Image.Resampling.LANCZOS)
    if not photograph and pixels.getchannel("A").getextrema() == (255, 255):
        pixels = pixels.convert("RGB")
    clean = Image.frombytes(pixels.mode, pixels.size, pixels.tobytes())
    out = BytesIO()
    clean.save(out, "JPEG" if photograph else "PNG", quality=92, optimize=True)
    return out.getvalue()


def _in_srgb(image: Image.Image, mode: str) -> Image.Image:
    """The picture in the colours that pages are printed in, by its own profile where it has one that can be read."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in {"RGB", "RGBA", "CMYK", "L"}:
        try:
            own, srgb = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, own, srgb, outputMode="RGBA" if image.mode == "RGBA" else "RGB")
            return (converted or image).convert(mode)
        except (ImageCms.PyCMSError, OSError):
            return image.convert(mode)
    return image.convert(mode)
