"""Which films show every method."""

import pandas as pd

from study.conclude.methods import chosen


def test_the_surest_the_median_and_the_least_sure_film_are_shown() -> None:
    sure = pd.Series({"a": 0.2, "b": 0.9, "c": 0.5, "d": 0.6, "e": 0.4})
    assert chosen(sure) == [("surest", "b"), ("median", "c"), ("least_sure", "a")]


def test_equal_films_go_by_name_and_none_is_shown_twice() -> None:
    assert chosen(pd.Series({"b": 0.5, "a": 0.5, "c": 0.5})) == [("surest", "a"), ("median", "b"), ("least_sure", "c")]
    assert chosen(pd.Series({"b": 0.5, "a": 0.7})) == [("median", "a"), ("median", "b")]
    assert chosen(pd.Series(dtype=float)) == []
