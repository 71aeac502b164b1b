"""A story as a tree for the terminal: what follows from what, each with time, outcome and error. Nothing is left out."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.text import Text
from rich.tree import Tree

from adapter.domain.text import one_line
from adapter.infra.queue import DOCUMENTS

Facts = Mapping[str, Any]

_GOOD, _OPEN, _BAD, _QUIET = "green", "yellow", "bold red", "dim"
_STYLES = {
    "done": _GOOD, "sent": _GOOD, "delivered": _GOOD, "paid": _GOOD,
    "due": _OPEN, "running": _OPEN, "waiting": _OPEN, "pending": _OPEN, "sending": _OPEN, "outbox": _OPEN, "open": _OPEN,
    "partially_paid": _OPEN, "dead": _BAD, "held": _BAD, "failed": _BAD, "refused": _BAD, "unknown": _BAD, "past_due": _BAD,
    "valid": _GOOD, "invalid": _BAD, "unchecked": _BAD, "not_representable": _QUIET,
    "cleared": _GOOD, "rejected": _BAD, "awaiting_clearance": _OPEN,
    "skipped": _QUIET, "cancelled": _QUIET, "credited": _QUIET,
}  # fmt: skip


def line(*parts: object, time: str | None = None) -> Text:
    """Words in one line, the time first. A part that is a state is coloured; what cannot be drawn is dropped."""
    text = Text(f"{clock(time)}  ", style=_QUIET) if time else Text()
    words = [one_line(str(part)) for part in parts if part not in (None, "")]
    for place, word in enumerate(words):
        text.append(" " * bool(place))
        text.append(word, style=_STYLES.get(word, ""))
    return text


def clock(time: str | None) -> str:
    """`2026-11-20 14:15:03Z` of an ISO time in UTC; what is not in UTC stays as it is."""
    if time is None:
        return "never"
    day, _, rest = time.partition("T")
    return f"{day} {rest[:8]}Z" if rest.endswith("+00:00") else time


def action_line(action: Facts) -> Text:
    """How an action stands: when it is tried next, what it waits for, what came of it, or why it ended."""
    state, error = action["state"], action["error"]
    if state == "due":
        tried = f"tried {action['attempts']} times, " if action["attempts"] else ""
        standing = f"{tried}next at {clock(action['next_at'])}"
    elif state == "waiting":
        standing = f"for {action['waits_for']} since {clock(action['waits_since'])}"
        error = None if error and str(error).endswith(str(action["waits_for"])) else error
    else:
        standing = ", ".join(filter(None, (_outcome(name, value) for name, value in (action["outcome"] or {}).items())))
    told = f"{standing}: {error}" if standing and error else standing or error
    return line(action["kind"], state, told, f"[{action['id']}]", time=action["finished_at"] or action["started_at"] or action["time"])


def _outcome(name: str, value: Any) -> str:
    """One thing that came of an action; a person's decision with its circumstances."""
    if name == "accept":  # told by `hint`
        return ""
    if name == "accepted":
        return ", ".join(f"{' and '.join(each['codes'])} {decision('accepted', each)}" for each in value)
    return decision("dismissed", value) if name == "dismissed" else f"{name} {value}"


def decision(verb: str, made: Facts) -> str:
    """Who decided something when, and why."""
    return f"{verb} by {made['by']} at {clock(made['at'])} ({made['because']})"


def hint(action: Facts) -> Text | None:
    """What a person can do about an action that is held, beside looking."""
    if action["state"] != "held":
        return None
    mended = "corrected in the shop, it is tried again by itself;" if action["kind"] in DOCUMENTS else ""
    passes = f"to let it pass: replay action {action['id']} --accept REASON;" if (action["outcome"] or {}).get("accept") else ""
    return line(mended, passes, f"dealt with otherwise: dismiss {action['id']} --because REASON")


def einvoice_line(einvoice: Facts) -> Text:
    """How an e-invoice stands: where it is, why it is not, or which rules it breaks, in their words; and which rules were not at hand."""
    shown = {each["rule"]: each["message"] for each in einvoice["findings"] if each["severity"] != "info" or each["rule"] == "RULES"}
    said = "; ".join(f"{rule} {message.removeprefix(f'[{rule}]').lstrip('- ')}" for rule, message in shown.items())
    told = f"{einvoice['reason'] or said}:" if einvoice["reason"] or said else ""
    return line("e-invoice", einvoice["profile"], einvoice["standing"], told, einvoice["xml_path"] or einvoice["xml_sha256"] or "not made")


def clearance_line(clearance: Facts) -> Text:
    """How a document stands that has to be cleared, and why it was rejected."""
    return line("clearance", clearance["state"], clearance["id"], "; ".join(clearance["errors"]), time=clearance["time"])


class StoryTree:
    """Builds the tree of one story; what hangs on nothing else hangs on the order itself."""

    def __init__(self, story: Facts) -> None:
        self._story = story
        self._shown: set[str] = set()

    def tree(self) -> Tree:
        """The whole story."""
        order = self._story["order"]
        name = ("order", order["number"] or "without a number", f"(id {order['id']})", "of", f"{order['source']}:")
        known = (order["status"], order["total"], order["currency"], "(test)" if order["test"] else "")
        root = Tree(line(*name, *known) if order["currency"] else line(*name, "what is in it has not come yet"))
        for delivery in self._story["deliveries"]:
            self._delivery(root, delivery)
        for part, add in (("events", self._event), ("documents", self._document), ("actions", self._action),
                          ("emails", self._email), ("messages", self._message)):  # fmt: skip
            for facts in self._story[part]:
                add(root, facts)
        return root

    def _new(self, part: str, **wanted: object) -> Iterable[Facts]:
        for facts in self._story[part]:
            if facts["id"] not in self._shown and all(facts[name] == value for name, value in wanted.items()):
                yield facts

    def _branch(self, tree: Tree, facts: Facts, text: Text) -> Tree | None:
        """The branch of something that is shown for the first time."""
        if facts["id"] in self._shown:
            return None
        self._shown.add(facts["id"])
        return tree.add(text)

    def _delivery(self, tree: Tree, delivery: Facts) -> None:
        copies = f"(came {delivery['copies']} times)" if delivery["copies"] > 1 else ""
        erased = "(body erased)" if delivery["erased"] else ""
        text = line("delivery", delivery["topic"] or "without a topic", copies, erased, f"[{delivery['id']}]", time=delivery["time"])
        branch = self._branch(tree, delivery, text)
        if branch is not None:
            for action in self._new("actions", kind="normalise", subject=delivery["id"]):
                self._action(branch, action)
            for event in self._new("events", delivery=delivery["id"]):
                self._event(branch, event)

    def _event(self, tree: Tree, event: Facts) -> None:
        at = f"of {clock(event['at'])}" if event["at"] and event["delivery"] else ""
        branch = self._branch(tree, event, line("event", event["type"], at, "(test)" if event["test"] else "", time=event["time"]))
        if branch is not None:
            for action in self._new("actions", event=event["id"]):
                if action["kind"] != "deliver":
                    self._action(branch, action)
            for message in self._new("messages", event=event["id"]):
                self._message(branch, message)

    def _action(self, tree: Tree, action: Facts) -> None:
        branch = self._branch(tree, action, action_line(action))
        if branch is not None:
            advice = hint(action)
            if advice is not None:
                branch.add(advice)
            for document in self._new("documents", action=action["id"]):
                self._document(branch, document)
            for email in self._new("emails", action=action["id"]):
                self._email(branch, email)

    def _document(self, tree: Tree, document: Facts) -> None:
        amount = f"{document['total']} {document['currency']}"
        original = f"of {document['original']}" if document["original"] else ""
        text = line(document["kind"], document["number"], original, document["status"], amount, time=document["time"])
        branch = self._branch(tree, document, text)
        if branch is None:
            return
        branch.add(line("PDF", document["pdf_path"] or document["pdf_sha256"] or "not drawn yet"))
        if document["clearance"]:
            branch.add(clearance_line(document["clearance"]))
        for einvoice in document["einvoices"]:
            branch.add(einvoice_line(einvoice))
        for finding in document["findings"]:
            branch.add(line("finding", ", ".join(f"{name} {value}" for name, value in finding.items())))
        for action in self._new("actions", subject=document["id"], event=None):
            self._action(branch, action)
        for event in self._new("events", key=document["id"]):
            self._event(branch, event)

    def _email(self, tree: Tree, email: Facts) -> None:
        text = line("mail", email["kind"], email["state"], "to", email["recipient"], f"“{email['subject']}”", time=email["time"])
        branch = self._branch(tree, email, text)
        if branch is not None and email["reply"]:
            branch.add(line("reply", email["reply"]))
        if branch is not None and email["eml_path"]:
            branch.add(line("file", email["eml_path"]))

    def _message(self, tree: Tree, message: Facts) -> None:
        text = line("message", message["type"], message["state"], "to", message["endpoint"], message["url"], time=message["time"])
        branch = self._branch(tree, message, text)
        if branch is None:
            return
        for attempt in message["attempts"]:
            came = f"HTTP {attempt['status']}" if attempt["status"] is not None else attempt["error"]
            error = attempt["error"] if attempt["status"] is not None else ""
            branch.add(line("attempt", attempt["number"], came, error, f"{attempt['milliseconds']} ms", time=attempt["time"]))
        for action in self._new("actions", kind="deliver", subject=message["id"]):
            self._action(branch, action)
