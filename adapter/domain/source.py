"""What a merchant may choose for one source, beside the connector's own settings."""

from pydantic import Field, model_validator

from adapter.domain.frozen import Frozen
from adapter.domain.order import Name


class MailTemplate(Frozen):
    """A subject and a message with placeholders such as `{order_number}`; what is absent is the adapter's own text."""

    subject: Name | None = None
    message: str | None = None


class SourceOptions(Frozen):
    """Choices of one source. `mail` is template name, then language (`*` for any), to its texts."""

    language: str | None = Field(default=None, description="Language of documents and mails where the buyer's is not known.")
    second_language: str | None = Field(default=None, description="Language in which headings and mentions are printed as well.")
    silent_hours: int | None = Field(default=None, ge=1, description="Hours without a delivery after which this source counts as silent.")
    mail: dict[str, dict[str, MailTemplate]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _named(self) -> "SourceOptions":
        for name in self.mail:
            if not name.isidentifier():
                raise ValueError(f"mail template {name!r}: use letters, digits and underscores")
        return self

    def template(self, name: str, language: str) -> MailTemplate:
        """The texts of a template in a language, else in any; empty when the source has none."""
        texts = self.mail.get(name, {})
        base = language.replace("-", "_").partition("_")[0]
        return texts.get(language) or texts.get(base) or texts.get("*") or MailTemplate()
