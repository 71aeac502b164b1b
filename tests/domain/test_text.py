import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from adapter.domain.text import dropped, one_line, printable


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


def test_no_text_turns_what_stands_around_it():
    assert printable("Mug \u202efdp.exe\u202c \u202aa\u202db") == "Mug fdp.exe ab"
    assert printable("\u2067open") == "\u2067open\u2069"
    assert printable("a\u2069 \u2068b\u2069 \u2069c\u2066") == "a \u2068b\u2069 c\u2066\u2069"
    assert printable("Byte\ufeff order \ufff9mark\ufffb") == "Byte order mark"


def test_marks_do_not_pile_up_over_the_lines_above():
    assert printable("Z" + "\u0351" * 40 + "alg\u0344" + "\u0344" * 20 + "o") == "Z" + "\u0351" * 8 + "alg" + "\u0308\u0301" * 4 + "o"
    assert printable("ที่ שָׁלוֹם Việt") == "ที่ שָׁלוֹם Việt"
    assert printable("----------") == "----------"


def test_what_is_dropped_is_known():
    assert dropped("a\x07\r\n\t\x85\ue000\u202e\u2067") == {"\x07", "\ue000", "\u202e"}
    assert dropped("Büro\n") == frozenset()


@given(st.text(st.characters() | st.sampled_from("\u0344\u0351\u2066\u2069\u202e\u1100\u1161")))
def test_the_result_is_drawable_and_stable(text):
    clean = printable(text)
    assert printable(clean) == clean
    assert all(character == "\n" or unicodedata.category(character) not in {"Cc", "Cs", "Co"} for character in clean)
