"""What every figure owes to its texts."""

import warnings

import pytest

from gcm.draw import base

PRIVATE = "\ue123"
"""No font has it."""


def figure_of(text):
    figure = base.new_figure(2, 1)
    figure.suptitle(text)
    return figure


def test_letters_that_no_font_has_are_named_in_one_line(tmp_path, notices):
    base.save(figure_of(f"it's {PRIVATE}"), tmp_path / "figure.png")
    (line,) = notices
    assert line.startswith("figure.png: no font here has ")
    assert (tmp_path / "figure.png").is_file()
    base.save(figure_of("it's blue"), tmp_path / "figure.png")
    assert notices == [line]


def test_other_warnings_of_matplotlib_are_passed_on(tmp_path, monkeypatch):
    monkeypatch.setattr(base, "write_whole", lambda *_: warnings.warn("of another kind", stacklevel=1))
    with pytest.warns(UserWarning, match="of another kind"):
        base.save(figure_of(""), tmp_path / "figure.png")


def test_letters_come_from_a_second_font_where_the_first_has_none(tmp_path, monkeypatch, notices):
    """matplotlib brings a font with this letter, which is not the usual one."""
    letter = "\u210a"
    monkeypatch.setattr(base, "east_asian_fonts", lambda: ())
    base.save(figure_of(letter), tmp_path / "without.png")
    assert [line[:28] for line in notices] == ["without.png: no font here ha"]
    monkeypatch.setattr(base, "east_asian_fonts", lambda: ("STIXGeneral",))
    base.save(figure_of(letter), tmp_path / "with.png")
    assert len(notices) == 1


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0, "0"), (0.1, "0.1"), (3e-4, "0.0003"), (20_000, "20,000"), (999_999, "999,999"), (1e6, "10⁶"), (3e-7, "3{x}10⁻⁷"),
     (-0.5, "{-}0.5"), (-2.5e-9, "{-}2.5{x}10⁻⁹"), (0.1 + 0.2, "0.3")],
)  # fmt: skip
def test_plain_numbers(value, written):
    signs = {"-": "\N{MINUS SIGN}", "x": "\N{MULTIPLICATION SIGN}"}
    assert base.plain_number(value) == written.format_map(signs)


def test_numbers_with_few_digits():
    assert [base.rounded(value) for value in (55.54, 0.04137, 5550, 1234567)] == ["55.5", "0.0414", "5,550", "1.23\N{MULTIPLICATION SIGN}10⁶"]  # fmt: skip
    assert [base.with_sign(value) for value in (1.005, -0.004, 0.0, -2.5)] == ["+1.00", "+0.00", "+0.00", "\N{MINUS SIGN}2.50"]  # fmt: skip
