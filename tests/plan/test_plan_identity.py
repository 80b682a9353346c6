"""Keys: one pinned, and every way in which equal things must be equal."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.plan.identity import canonical_json, key

RECIPE = {
    "schema": 1,
    "kind": "finetune",
    "version": 3,
    "settings": {"lr": 2e-3, "crop": (0.7, 1.0), "flip": False, "note": "뼈"},
    "seed": 1,
    "parents": {"data": "0" * 24},
}


def test_the_key_of_one_recipe_never_changes() -> None:
    assert canonical_json(RECIPE) == (
        '{"kind":"finetune","parents":{"data":"000000000000000000000000"},"schema":1,"seed":1,'
        '"settings":{"crop":[0.7,1.0],"flip":false,"lr":0.002,"note":"\\ubf08"},"version":3}'
    )
    # printf '%s' '<the text above>' | sha256sum | cut -c -24
    assert key(RECIPE) == "9e22300b8c53af210fbf8626"


def test_the_order_of_names_and_the_kind_of_sequence_do_not_matter() -> None:
    settings = {"note": "뼈", "flip": False, "crop": [0.7, 1.0], "lr": 0.002}
    assert key(dict(reversed(list(RECIPE.items()))) | {"settings": settings}) == key(RECIPE)


def test_composed_and_decomposed_text_are_one() -> None:
    assert key({"label": "\u00e9", "\u00e9": 1}) == key({"label": "e\u0301", "e\u0301": 1})


def test_minus_zero_is_zero_and_an_integer_is_no_float() -> None:
    assert canonical_json({"x": -0.0}) == '{"x":0.0}'
    assert key({"x": 1}) != key({"x": 1.0})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="a recipe cannot hold"):
        key({"settings": [{"lr": value}]})


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"x": {1, 2}}, "a recipe cannot hold a set"),
        ({1: "x"}, "a recipe's names are text, not 1"),
        ({"\u00e9": 1, "e\u0301": 2}, "a recipe names 'é' twice"),
    ],
)
def test_what_json_cannot_say_is_refused(recipe: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        key(recipe)


@given(st.dictionaries(st.text("abé뼈", max_size=3), st.floats(allow_nan=False, allow_infinity=False) | st.integers()))
def test_a_key_is_24_hex_digits_of_ascii_json(recipe: dict[str, Any]) -> None:
    found = key(recipe)
    assert len(found) == 24
    assert set(found) <= set("0123456789abcdef")
    assert canonical_json(recipe).isascii()
