"""Where an address lies for VAT: member states, special territories, and countries that share another one's tax.

Sources: VAT Directive 2006/112/EC Art. 5-7 (territories inside and outside), the Protocol on Ireland/Northern Ireland (XI, for goods), the
postcode patterns of the public table `ibericode/vat-rates` (MIT; evidence, rebuilt here), ISO 3166 codes of overseas territories,
UNCL5305 as EN 16931 uses it (IGIC and IPSI). From general knowledge: the German postcodes of Jungholz and Mittelberg, those of
Saint-Barthélemy and Saint-Martin among Guadeloupe's, of the Channel Islands among the United Kingdom's, of Greenland among Denmark's.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from adapter.domain.document import TaxCategory

EU = frozenset(
    {
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL",
        "PT", "RO", "SE", "SI", "SK",
    }
)  # fmt: skip
"""The member states by ISO 3166-1 code; Greece is GR here and EL in VAT numbers alone."""


class Area(StrEnum):
    """Which VAT is charged in a territory: its country's, at rates of its own or beyond a tax border for goods; none, but perhaps a tax of
    its own; or the Union's for goods alone."""

    OWN_RATES = "own_rates"
    OUTSIDE = "outside"
    GOODS_IN_EU = "goods_in_eu"


@dataclass(frozen=True)
class Territory:
    """A part of a country where VAT is different. `postcodes` is matched from the first character of the postcode without blanks."""

    name: str
    country: str
    area: Area
    postcodes: str = ""
    regions: frozenset[str] = frozenset()
    """Region codes (after the country's hyphen in ISO 3166-2) and names in lower case."""
    in_eu: bool = False
    """Whether it belongs to the VAT territory of the Union although its rates are its own."""
    code: str | None = None
    """The code of its own tax authority's area, reserved in ISO 3166-1, where it has a tax instead of VAT."""
    category: TaxCategory = TaxCategory.STANDARD
    """The category of that tax."""
    tax: str | None = None
    """Its name."""


_CANARIES = frozenset({"cn", "gc", "tf", "canarias", "canary islands", "islas canarias", "las palmas", "santa cruz de tenerife"})

TERRITORIES = (
    Territory(
        "canary_islands", "ES", Area.OUTSIDE, r"(35|38)\d{3}", _CANARIES, code="IC", category=TaxCategory.IGIC, tax="IGIC",
    ),
    Territory("ceuta", "ES", Area.OUTSIDE, r"51\d{3}", frozenset({"ce", "ceuta"}), code="EA", category=TaxCategory.IPSI, tax="IPSI"),
    Territory("melilla", "ES", Area.OUTSIDE, r"52\d{3}", frozenset({"ml", "melilla"}), code="EA", category=TaxCategory.IPSI, tax="IPSI"),
    Territory("buesingen", "DE", Area.OUTSIDE, r"78266"),
    Territory("heligoland", "DE", Area.OUTSIDE, r"27498"),
    Territory("livigno", "IT", Area.OUTSIDE, r"23041", frozenset({"livigno"})),
    Territory("campione", "IT", Area.OUTSIDE, r"22061", frozenset({"campione d'italia"})),
    Territory("aland", "FI", Area.OWN_RATES, r"22\d{3}", frozenset({"01", "åland", "ahvenanmaa", "aland"})),
    Territory("mount_athos", "GR", Area.OUTSIDE, r"63086|63087", frozenset({"69", "mount athos"})),
    Territory(
        "french_overseas", "FR", Area.OUTSIDE, r"97133|97150|97[578]\d{2}|98[678]\d{2}",
        frozenset({"pm", "bl", "mf", "pf", "nc", "wf", "tf"}),
    ),
    Territory("guadeloupe", "FR", Area.OWN_RATES, r"971\d{2}", frozenset({"gp", "971", "guadeloupe"})),
    Territory("martinique", "FR", Area.OWN_RATES, r"972\d{2}", frozenset({"mq", "972", "martinique"})),
    Territory("reunion", "FR", Area.OWN_RATES, r"974\d{2}", frozenset({"re", "974", "réunion", "reunion", "la réunion"})),
    Territory("french_guiana", "FR", Area.OUTSIDE, r"973\d{2}", frozenset({"gf", "973", "guyane"})),
    Territory("mayotte", "FR", Area.OUTSIDE, r"976\d{2}", frozenset({"yt", "976", "mayotte"})),
    Territory("azores", "PT", Area.OWN_RATES, r"9[5-9]\d{2}", frozenset({"20", "açores", "azores"}), in_eu=True),
    Territory("madeira", "PT", Area.OWN_RATES, r"9[0-4]\d{2}", frozenset({"30", "madeira"}), in_eu=True),
    Territory("jungholz", "AT", Area.OWN_RATES, r"6691|87491", in_eu=True),
    Territory("mittelberg", "AT", Area.OWN_RATES, r"699[123]|8756[789]", in_eu=True),
    Territory("northern_ireland", "GB", Area.GOODS_IN_EU, r"BT\d", frozenset({"ni", "nir", "northern ireland"}), in_eu=True),
    Territory("channel_islands", "GB", Area.OUTSIDE, r"(GY|JE)\d", frozenset({"guernsey", "jersey"})),
    Territory("greenland", "DK", Area.OUTSIDE, r"39\d{2}", frozenset({"greenland", "grønland", "kalaallit nunaat"})),
)  # fmt: skip
"""The first that fits counts. Livigno and Campione have shared postcodes with their neighbours before (23030, 22060): those are not theirs
alone, and so no sign of them."""

_SHARED = {"MC": ("FR", None), "IM": ("GB", None), "XI": ("GB", "northern_ireland"), "AX": ("FI", "aland"), "EL": ("GR", None)}
_SHARED |= {"GP": ("FR", "guadeloupe"), "MQ": ("FR", "martinique"), "RE": ("FR", "reunion"), "GF": ("FR", "french_guiana")}
_SHARED |= {"YT": ("FR", "mayotte"), "IC": ("ES", "canary_islands"), "EA": ("ES", "ceuta"), "GL": ("DK", "greenland")}
_SHARED |= dict.fromkeys(("GG", "JE"), ("GB", "channel_islands"))
_SHARED |= dict.fromkeys(("PM", "BL", "MF", "PF", "NC", "WF", "TF"), ("FR", "french_overseas"))
"""ISO codes that are a territory of another country, or share its VAT: Monaco is France, the Isle of Man the United Kingdom (Art. 7). IC
and EA, which ISO 3166-1 reserves, are the Canary Islands, and Ceuta and Melilla."""

_BY_NAME = {territory.name: territory for territory in TERRITORIES}


@dataclass(frozen=True)
class Place:
    """An address as VAT sees it. `country` is the one whose law applies (FR for Monaco, GB for Northern Ireland, GR for EL)."""

    country: str
    territory: Territory | None = None

    @property
    def outside(self) -> bool:
        """Whether the country's VAT is not charged here at all: Canary Islands, Heligoland, Livigno, …"""
        return self.territory is not None and self.territory.area is Area.OUTSIDE

    @property
    def charges_tax(self) -> bool:
        """Whether there is a tax to register for: the country's VAT, IGIC or IPSI."""
        return not self.outside or (self.territory is not None and self.territory.tax is not None)

    def in_eu(self, *, goods: bool) -> bool:
        """Whether it lies in the VAT territory of the Union; Northern Ireland does for goods alone."""
        if self.territory is None:
            return self.country in EU
        return self.territory.in_eu and (goods or self.territory.area is not Area.GOODS_IN_EU)

    def vat_country(self, *, goods: bool) -> str:
        """The code under which it is registered for VAT: the country, XI for goods in Northern Ireland, or IC and EA where a tax of their
        own is charged instead of VAT (IGIC in the Canary Islands, IPSI in Ceuta and Melilla)."""
        northern = self.territory is not None and self.territory.area is Area.GOODS_IN_EU
        if northern and goods:
            return "XI"
        return (self.territory and self.territory.code) or self.country

    @property
    def category(self) -> TaxCategory:
        """The category of what is taxed here: VAT, IGIC or IPSI."""
        return self.territory.category if self.territory else TaxCategory.STANDARD


def place(country: str, postcode: str | None = None, region: str | None = None) -> Place:
    """The place of an address. `region` is a name or an ISO 3166-2 code with or without its country. Of code and postcode one suffices;
    what matches no special territory is the country itself."""
    shared, name = _SHARED.get(country.upper(), (country.upper(), None))
    if name is not None:
        return Place(shared, _BY_NAME[name])
    code = re.sub(r"[\s-]", "", postcode or "").upper()
    wanted = (region or "").strip().casefold().removeprefix(f"{shared.casefold()}-")
    for territory in TERRITORIES:
        if territory.country != shared:
            continue
        if wanted in territory.regions or (code and territory.postcodes and re.match(territory.postcodes, code)):
            return Place(shared, territory)
    return Place(shared)
