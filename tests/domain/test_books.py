"""An order's documents against books kept apart from them, in exact fractions: whatever is ordered, changed, refunded and cancelled, in
whatever order that is heard of, the documents come to what was charged less what was given back. The lives are the same in every run, so
that none fails by chance.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapter.domain.document import Document, DocumentKind, DocumentLine
from adapter.domain.money import from_minor
from adapter.domain.order import Adjustment, Order, Refund
from tests.domain.baskets import assert_sound, back, line, order, paid, refund, tax
from tests.domain.test_amend import Books

RATES = (("0.19",), ("0.07",), (), ("0.055",), ("0.0725", "0.01"))


@dataclass(frozen=True)
class Article:
    """What one piece costs, and each of the taxes in it or on it, in minor units."""

    price: int
    taxes: tuple[tuple[str, int], ...]

    def gross(self, pieces: int, *, includes: bool) -> int:
        return pieces * (self.price + (0 if includes else sum(amount for _, amount in self.taxes)))


@dataclass(frozen=True)
class Life:
    """An order's contents in the order of its versions (pieces of each article), and what was given back: pieces, or money alone."""

    includes: bool
    articles: tuple[Article, ...]
    versions: tuple[tuple[int, ...], ...]
    goods: tuple[tuple[int, int, int], ...]
    """Article, pieces, and how much less than their price was paid back."""
    money: tuple[int, ...]
    rebate: int = 0
    """What is taken off the whole order, with a tax of 19 %."""

    def snapshot(self, version: int) -> Order:
        """The order as its storefront states it, with free shipping so that it is never empty."""
        lines, total, taxed = [], 0, 0
        for index, (article, pieces) in enumerate(zip(self.articles, self.versions[version], strict=True)):
            if pieces:
                stated = [tax(rate, euros(amount * pieces), f"Tax {rate}") for rate, amount in article.taxes]
                lines.append(
                    line(f"l{index}", euros(article.price * pieces), *stated, quantity=str(pieces), unit_price=euros(article.price))
                )
            total += article.gross(pieces, includes=self.includes)
            taxed += sum(amount for _, amount in article.taxes) * pieces
        if self.rebate:
            contained = self.rebate * 19 // (119 if self.includes else 100)
            lines.append(line("rebate", euros(-self.rebate), tax("0.19", euros(-contained), "Tax 0.19"), kind="discount"))
            total, taxed = total - self.rebate - (0 if self.includes else contained), taxed - contained
        return paid(order(euros(total), euros(taxed), *lines, line("parcel", "0.00", kind="shipping"), includes=self.includes))

    def refunds(self) -> list[Refund]:
        """Refunds of goods, each with the tax that the platform states, and of money alone."""
        made = []
        for number, (index, pieces, less) in enumerate(self.goods):
            article = self.articles[index]
            contained = euros(sum(amount for _, amount in article.taxes) * pieces)
            fee = [Adjustment(kind="restocking_fee", amount=Decimal(euros(-less)))] if less else []
            returned = euros(article.gross(pieces, includes=self.includes) - less)
            given_back = back(f"l{index}", euros(article.price * pieces), contained, quantity=str(pieces))
            made.append(refund(f"g{number}", given_back, adjustments=fee, money=returned))
        return made + [refund(f"m{number}", money=euros(amount)) for number, amount in enumerate(self.money)]

    def left(self) -> int:
        """What the order comes to in the end."""
        charged = sum(
            article.gross(pieces, includes=self.includes) for article, pieces in zip(self.articles, self.versions[-1], strict=True)
        )
        returned = sum(self.articles[index].gross(pieces, includes=self.includes) - less for index, pieces, less in self.goods)
        rebate = self.rebate + (0 if self.includes else self.rebate * 19 // 100)
        return charged - rebate - returned - sum(self.money)


def euros(cents: int) -> str:
    return format(from_minor(cents, "EUR"), "f")


def random_life(random: Random) -> Life:
    """A life in which no refund exceeds what any version charges; an article may leave the order unless pieces of it come back."""
    includes = random.random() < 0.6
    articles = []
    for _ in range(random.choice([1, 2, 3, 5, 40])):
        price, rates = random.choice([random.randint(1, 30), random.randint(1, 9_999)]), random.choice(RATES)
        whole = sum(map(Fraction, rates), Fraction(0))
        shares = [int(price * Fraction(rate) / (1 + whole if includes else 1) + random.choice([0, Fraction(1, 2)])) for rate in rates]
        articles.append(Article(price, tuple(zip(rates, shares, strict=True))))
    versions = [tuple(random.randint(0, 4) for _ in articles) for _ in range(random.randint(1, 4))]
    goods, least = [], [min(column) for column in zip(*versions, strict=True)]
    for index, pieces in enumerate(least):
        left = pieces
        while left and random.random() < 0.4:
            back_now = random.randint(1, left)
            left -= back_now
            worth = articles[index].gross(back_now, includes=includes)
            goods.append((index, back_now, random.randint(1, worth - 1) if worth > 1 and random.random() < 0.2 else 0))
    room = min(sum(a.gross(n, includes=includes) for a, n in zip(articles, version, strict=True)) for version in versions)
    room -= sum(articles[index].gross(pieces, includes=includes) for index, pieces, _ in goods)
    rebate = random.choice([0, random.randint(0, max(0, room * 2 // 3))])
    room -= rebate + (0 if includes else rebate * 19 // 100)
    money = []
    while room > 0 and random.random() < 0.6:
        money.append(random.randint(1, room))
        room -= money[-1]
    return Life(includes, tuple(articles), tuple(versions), tuple(goods), tuple(money), rebate)


def tell(life: Life, random: Random) -> Books:
    """The books after the versions (in their order, some never seen, the last always) and the refunds (in any order)."""
    last = len(life.versions) - 1
    seen = [version for version in range(last) if random.random() < 0.7] + [last]
    refunds = random.sample(life.refunds(), len(life.goods) + len(life.money))
    places = sorted(random.randint(1, len(seen)) for _ in refunds)
    found, told = Books(), 0
    for position, version in enumerate(seen, start=1):
        found.see(life.snapshot(version))
        for each, place in zip(refunds, places, strict=True):
            if place == position:
                found.give_back(life.snapshot(version), each)
                told += 1
        check(found)
    assert told == len(refunds)
    return found


def parts(document_line: DocumentLine) -> dict[str, int]:
    """A line's net and taxes by rate."""
    return {"net": document_line.net} | {str(each.rate): each.amount for each in document_line.taxes}


def balances(books: Books) -> dict[int, dict[str, int]]:
    """What is left of each line of the order, by its position in the books: net and tax by rate."""
    found: dict[int, dict[str, int]] = {}
    for document in (*books.invoices, *books.credits):
        sign = -1 if document.kind is DocumentKind.CREDIT_NOTE else 1
        for each in document.lines:
            own = found.setdefault(each.original_line or each.position, {})
            for name, amount in parts(each).items():
                own[name] = own.get(name, 0) + sign * amount
    return found


def check(books: Books) -> None:
    """Every document adds up and gives something; no line was given back beyond what it charged, in no tax and not in its net."""
    for document in (*books.invoices, *books.credits):
        assert_sound(document)
        assert document.totals.net + document.totals.tax == document.totals.gross >= 0
        assert sum(each.net for each in document.lines) == document.totals.net
    for position, left in balances(books).items():
        assert all(amount >= 0 for amount in left.values()) or all(amount <= 0 for amount in left.values()), (position, left)


def deviations(books: Books) -> list[Fraction]:
    """How far the tax of each rate of each refund's note is from the exact share of the lines that it gives back."""
    charged = {each.original_line or each.position: parts(each) for document in books.invoices for each in document.lines}
    result = []
    for note in books.credits:
        exact: dict[str, Fraction] = {}
        for each in note.lines:
            own = charged[each.original_line or 0]
            for name, amount in own.items():
                exact[name] = exact.get(name, Fraction(0)) + (Fraction(amount * each.gross, sum(own.values())) if any(own.values()) else 0)
        stated = parts_of(note)
        result += [abs(exact[name] - stated.get(name, 0)) for name in exact if name != "net"]
    return result


def parts_of(note: Document) -> dict[str, int]:
    """A note's tax by rate."""
    found: dict[str, int] = {}
    for group in note.taxes:
        found[str(group.rate)] = found.get(str(group.rate), 0) + group.tax
    return found


@given(st.integers(0, 10**9))
@settings(max_examples=120, deadline=None, derandomize=True)
def test_the_documents_come_to_what_was_charged_less_what_was_given_back(seed: int) -> None:
    """However it is told; and a cancellation then leaves nothing in any line, net or tax."""
    life = random_life(Random(seed))
    for telling in range(2):
        books = tell(life, Random(f"{seed}/{telling}"))
        assert books.total == life.left()
        if books.total:
            books.give_back(life.snapshot(-1), None)
        check(books)
        assert (books.total, books.taxes()) == (0, {})
        assert all(amount == 0 for left in balances(books).values() for amount in left.values())


@given(st.integers(0, 10**9))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_the_tax_of_each_note_is_the_exact_share_but_for_rounding(seed: int) -> None:
    """A refund of goods within one unit of the share of its lines, one of money alone within three, whatever came before."""
    life = random_life(Random(seed))
    for kind, bound in ((replace(life, money=(), rebate=0), 1), (replace(life, goods=()), 3)):
        books = tell(replace(kind, versions=kind.versions[-1:]), Random(seed))
        assert all(deviation <= bound for deviation in deviations(books))


@given(st.integers(0, 10**9))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_what_is_heard_of_first_moves_a_unit_of_tax_at_most(seed: int) -> None:
    """Between the notes of refunds of goods, and three units between those of money alone."""
    life = random_life(Random(seed))
    for kind, bound in ((replace(life, money=(), rebate=0), 1), (replace(life, goods=()), 3)):
        single = replace(kind, versions=kind.versions[-1:])
        one, other = ({note.metadata["refund_id"]: note for note in tell(single, Random(f"{seed}/{n}")).credits} for n in range(2))
        assert {id: note.totals.gross for id, note in one.items()} == {id: note.totals.gross for id, note in other.items()}
        for id, note in one.items():
            mine, theirs = parts_of(note), parts_of(other[id])
            assert all(abs(mine.get(rate, 0) - theirs.get(rate, 0)) <= bound for rate in {*mine, *theirs})


@pytest.mark.parametrize(("lines", "money", "tax"), [(120, 10_00, 1_60), (500, 10_00, 1_60), (500, 50_00, 7_98), (1_000, 7_00, 1_12)])
def test_a_small_refund_of_a_long_order_has_its_tax(lines: int, money: int, tax: int) -> None:
    """A cent or less for each line of 11.90: the tax is rounded once, not on each of them."""
    articles = tuple(Article(1190, (("0.19", 190),)) for _ in range(lines))
    books = tell(Life(True, articles, ((1,) * lines,), (), (money,)), Random(0))
    assert [(note.totals.gross, note.totals.tax) for note in books.credits] == [(money, tax)]
