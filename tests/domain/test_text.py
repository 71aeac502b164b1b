import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from adapter.domain.text import one_line, printable


def test_plain_text_stays_as_it_is():
    assert printable("Stoneware mug “Nordsee” 🍵 茶碗 كوب") == "Stoneware mug “Nordsee” 🍵 茶碗 كوب"


def test_what_no_font_can_draw_is_dropped():
    assert printable("a\x00b\x7fc\ue000d\ud800e\uffffe") == "abcdee"


def test_a_character_of_a_later_unicode_is_kept_and_noncharacters_are_not():
    assert printable("\U00031350\U000323b0") == "\U00031350\U000323b0"
    assert printable("a\ufdd0\ufdef\ufffe\U0001ffff\U0010ffffb") == "ab"


def test_accents_are_composed():
    assert printable("Cafe\u0301") == "Café"


def test_breaks_of_every_kind_become_one():
    assert printable("a\r\nb\rc\vd\u2028e\tf") == "a\nb\nc\nd\ne f"
    assert one_line(" a\r\n\r\n b\tc ") == "a b c"


def test_joiners_and_directions_are_kept():
    assert printable("👩\u200d🎨 \u200fעברית") == "👩\u200d🎨 \u200fעברית"


@given(st.text())
def test_the_result_is_drawable_and_stable(text):
    clean = printable(text)
    assert printable(clean) == clean
    assert all(character == "\n" or unicodedata.category(character) not in {"Cc", "Cs", "Co"} for character in clean)
