"""What a merchant fills in for a Shopify source."""

import re
from typing import Literal

from pydantic import Field, field_validator

from adapter.connector import SourceSettings

_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)+")


class ShopifySettings(SourceSettings):
    """One shop. The signing secret is a secret of the source, not a setting."""

    shop_domain: str | None = Field(
        default=None,
        title="Shop domain",
        description="The shop's own domain, such as nordlicht-demo.myshopify.com (not the public one). Deliveries that name another shop "
        "are refused. Leave it empty only when the signing secret belongs to this shop alone.",
    )
    money: Literal["presentment", "shop"] = Field(
        default="presentment",
        title="Money of the invoice",
        description="presentment: what the buyer saw and paid. shop: the shop's own currency. The other one is kept beside the total.",
    )
    vat_id_attributes: tuple[str, ...] = Field(
        default=(
            "VAT ID",
            "VAT number",
            "VAT",
            "VAT registration number",
            "Tax ID",
            "USt-IdNr.",
            "USt-ID",
            "Umsatzsteuer-ID",
            "Numéro de TVA",
            "TVA",
            "Partita IVA",
            "NIF",
            "BTW-nummer",
        ),
        title="Attributes that carry a VAT number",
        description="Shopify's order has no field for it: apps write it into the order's additional details. Names are compared without "
        "regard to case, spaces and punctuation.",
    )

    @field_validator("shop_domain", mode="after")
    @classmethod
    def _plain_domain(cls, value: str | None) -> str | None:
        domain = (value or "").strip().lower().removeprefix("https://").removesuffix("/")
        if domain and not _DOMAIN.fullmatch(domain):
            raise ValueError(f"{domain!r:.80} is not a domain: write it as nordlicht-demo.myshopify.com")
        return domain or None
