"""What Chromium prints, finished: a PDF/A-3a (for keeping) and PDF/UA-1 (for everybody) whose bytes depend on its content alone.

ISO 19005-3 wants a colour profile, XMP metadata and a file identifier; ISO 14289-1 wants a title, complete tags and described links. Both
allow files to be attached, such as an e-invoice (ISO 19005-3, 6.8).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from io import BytesIO
from pathlib import Path
from xml.sax.saxutils import escape
from zlib import compress

from pikepdf import Array, Dictionary, Name, ObjectStreamMode, Pdf, PdfError, Stream, String

from adapter.domain.text import one_line
from adapter.errors import GiveUp
from adapter.infra.decoration import release_decoration
from adapter.infra.glyphs import name_characters
from adapter.infra.outlines import join_outlines
from adapter.infra.structure import describe_links, rewrite_pages, slim_structure
from adapter.infra.typeface import slim_fonts

CREATOR = "Storefront Adapter"

_PROFILE = (Path(__file__).parent / "srgb.icc").read_bytes()
"""sRGB, 588 bytes, made by LittleCMS: `ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()` of Pillow, with a fixed date."""

_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" \
xmlns:pdf="http://ns.adobe.com/pdf/1.3/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<pdfaid:part>3</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance><pdfuaid:part>1</pdfuaid:part>
<dc:format>application/pdf</dc:format><dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:language><rdf:Bag><rdf:li>{language}</rdf:li></rdf:Bag></dc:language>
<xmp:CreateDate>{date}</xmp:CreateDate><xmp:ModifyDate>{date}</xmp:ModifyDate><xmp:CreatorTool>{creator}</xmp:CreatorTool>
<pdf:Producer>{producer}</pdf:Producer></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" \
xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource"><pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>\
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI><pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>\
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource"><pdfaProperty:name>part</pdfaProperty:name>\
<pdfaProperty:valueType>Integer</pdfaProperty:valueType><pdfaProperty:category>internal</pdfaProperty:category>\
<pdfaProperty:description>Part of ISO 14289</pdfaProperty:description></rdf:li></rdf:Seq></pdfaSchema:property></rdf:li>\
{schema}</rdf:Bag></pdfaExtension:schemas></rdf:Description>
{factur_x}</rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""

_FACTUR_X = """<rdf:Description rdf:about="" xmlns:fx="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#">\
<fx:DocumentType>INVOICE</fx:DocumentType><fx:DocumentFileName>{name}</fx:DocumentFileName><fx:Version>1.0</fx:Version>\
<fx:ConformanceLevel>{level}</fx:ConformanceLevel></rdf:Description>
"""
"""What tells readers that the PDF is a hybrid invoice (Factur-X 1.0, 6.3); a credit note is of type INVOICE, too."""

_FACTUR_X_PROPERTY = """<rdf:li rdf:parseType="Resource"><pdfaProperty:name>{name}</pdfaProperty:name>\
<pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external</pdfaProperty:category>\
<pdfaProperty:description>{description}</pdfaProperty:description></rdf:li>"""

_FACTUR_X_SCHEMA = (
    """<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>\
<pdfaSchema:namespaceURI>urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#</pdfaSchema:namespaceURI>\
<pdfaSchema:prefix>fx</pdfaSchema:prefix><pdfaSchema:property><rdf:Seq>"""
    + "".join(
        _FACTUR_X_PROPERTY.format(name=name, description=description)
        for name, description in (
            ("DocumentFileName", "The name of the embedded XML document"),
            ("DocumentType", "The type of the hybrid document in capital letters, such as INVOICE"),
            ("Version", "The version of the standard that applies to the embedded XML document"),
            ("ConformanceLevel", "The conformance level of the embedded XML document"),
        )
    )
    + "</rdf:Seq></pdfaSchema:property></rdf:li>\n"
)


@dataclass(frozen=True)
class Attached:
    """A file inside the PDF. `relationship` is `Alternative`, `Data`, `Source` or `Supplement` (ISO 32000-2, 7.11.3, AFRelationship)."""

    name: str
    mime: str
    relationship: str
    description: str
    content: bytes
    factur_x: str | None = None
    """The conformance level, such as `EN 16931`, where the file makes the PDF a Factur-X (ZUGFeRD) invoice."""


def finish(pdf: bytes, *, title: str, language: str, created: datetime, attachments: Sequence[Attached] = ()) -> bytes:
    """The finished document. `created` (aware) is the only date in it, so that the same document gives the same bytes at any time.

    Raises `GiveUp` when `pdf` is no tagged PDF.
    """
    try:
        document = Pdf.open(BytesIO(pdf))
    except PdfError as error:
        raise GiveUp(f"what the browser printed is no PDF: {error}") from error
    with document:
        if "/StructTreeRoot" not in document.Root:
            raise GiveUp("what the browser printed has no tags: use a Chromium of version 128 or later")
        release_decoration(document)
        slim_structure(document)
        join_outlines(document)
        rewrite_pages(document)
        name_characters(document)
        describe_links(document)
        slim_fonts(document)
        _attach(document, attachments, created)
        _describe(document, one_line(title), language, created, next((file for file in attachments if file.factur_x), None))
        _compress(document)
        return _saved(document)


def _compress(document: Pdf) -> None:
    """Deflate every stream but the metadata, which PDF/A wants to be readable without a filter.

    A stream whose last byte is a carriage return gets one more, which no reader looks at: before the line feed that precedes `endstream`
    it would be taken for a part of the line's end (ISO 19005-3, 6.1.7.1).
    """
    for stream in document.objects:
        if not isinstance(stream, Stream) or stream.get("/Type") == Name.Metadata or "/DecodeParms" in stream:
            continue
        if stream.get("/Filter", Name.FlateDecode) == Name.FlateDecode:
            deflated = compress(stream.read_bytes(), 9)
            stream.write(deflated + b"\0" * deflated.endswith(b"\r"), filter=Name.FlateDecode)


def _saved(document: Pdf) -> bytes:
    """The file. Its object streams are made while it is written: where one ends as `_compress` avoids, other object numbers help."""
    spacers = Array()
    for _ in range(16):
        out = BytesIO()
        document.save(
            out, object_stream_mode=ObjectStreamMode.generate, deterministic_id=True, min_version="1.7", recompress_flate=False
        )  # fmt: skip
        if b"\r\nendstream" not in out.getvalue():
            break
        spacers.append(document.make_indirect(Dictionary()))
        document.Root["/Spacers"] = spacers
    return out.getvalue()


def _describe(document: Pdf, title: str, language: str, created: datetime, hybrid: Attached | None) -> None:
    """Title, dates and language, in XMP and in the information dictionary alike; the colour profile."""
    moment = created.astimezone(UTC)
    stamp = String(f"D:{moment:%Y%m%d%H%M%S}+00'00'")
    producer = str(document.trailer.Info.get("/Producer", "Skia/PDF"))
    document.trailer["/Info"] = document.make_indirect(
        Dictionary(Title=title, Creator=CREATOR, Producer=producer, CreationDate=stamp, ModDate=stamp)
    )
    metadata = _XMP.format(
        title=escape(title), language=escape(language), date=f"{moment:%Y-%m-%dT%H:%M:%S}+00:00", creator=CREATOR,
        producer=escape(producer), schema=_FACTUR_X_SCHEMA if hybrid else "",
        factur_x=_FACTUR_X.format(name=escape(hybrid.name), level=escape(hybrid.factur_x or "")) if hybrid else "",
    )  # fmt: skip
    root = document.Root
    root["/Metadata"] = document.make_indirect(Stream(document, metadata.encode(), Type=Name.Metadata, Subtype=Name.XML))
    root["/OutputIntents"] = Array([
        Dictionary(
            Type=Name.OutputIntent, S=Name.GTS_PDFA1, OutputConditionIdentifier="sRGB", Info="sRGB",
            DestOutputProfile=document.make_indirect(Stream(document, _PROFILE, N=3)),
        )
    ])  # fmt: skip
    root["/Lang"] = String(language)
    if "/Outlines" in root and "/First" in root.Outlines:
        # Chromium drops the space where a heading's line breaks.
        root.Outlines.First["/Title"] = String(title)
    root["/ViewerPreferences"] = Dictionary(DisplayDocTitle=True)


def _attach(document: Pdf, attachments: Sequence[Attached], created: datetime) -> None:
    if not attachments:
        return
    stamp = String(f"D:{created.astimezone(UTC):%Y%m%d%H%M%S}+00'00'")
    names, files = Array(), Array()
    for file in sorted(attachments, key=lambda attached: attached.name):
        embedded = Stream(document, file.content, Type=Name.EmbeddedFile, Subtype=Name(f"/{file.mime}"))
        checksum = md5(file.content, usedforsecurity=False).digest()
        embedded["/Params"] = Dictionary(ModDate=stamp, Size=len(file.content), CheckSum=String(checksum))
        content = document.make_indirect(embedded)
        entry = document.make_indirect(
            Dictionary(
                Type=Name.Filespec,
                F=file.name,
                UF=file.name,
                Desc=file.description,
                AFRelationship=Name(f"/{file.relationship}"),
                EF=Dictionary(F=content, UF=content),
            )
        )
        names.extend([String(file.name), entry])
        files.append(entry)
    document.Root["/Names"] = Dictionary(EmbeddedFiles=Dictionary(Names=names))
    document.Root["/AF"] = files
