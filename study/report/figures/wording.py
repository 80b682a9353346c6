"""The words inside figures, English and Korean; what tables say too comes from `report.terms`."""

from __future__ import annotations

from typing import Literal

from study.report.terms import Text

Language = Literal["en", "ko", "both"]

WORDS: dict[str, Text] = {
    "better": Text("better", "좋음"),
    "worse": Text("worse", "나쁨"),
    "higher": Text("higher", "높음"),
    "lower": Text("lower", "낮음"),
    "difference in": Text("difference in {metric}", "{metric} 차이"),
    "to": Text(" to ", " ~ "),
    "verdict": Text("verdict", "판정"),
    "interval": Text("interval", "구간"),
    "rule.beyond": Text("95% CI wholly beyond the margin", "95% 구간 전체가 한계 밖"),
    "rule.differs": Text("95% CI beyond 0", "95% 구간이 0을 벗어남"),
    "rule.inside": Text("90% CI inside the margin", "90% 구간이 한계 안"),
    "rule.else": Text("anything else", "그 밖의 경우"),
    "rule.mirror": Text("mirror image", "좌우 대칭"),
    "rule.missing": Text("no value, or too few images", "값이 없거나 영상이 너무 적음"),
    "says.within": Text("better, within the margin", "미미한 개선"),
    "says.beyond": Text("better, by the margin or more", "의미 있는 개선"),
    "says.differs": Text("better", "개선 (크기 미정)"),
    "says.equivalent": Text("equivalent within the margin", "한계 안에서 동등"),
    "says.inconclusive": Text("inconclusive", "결론 유보"),
    "says.mirror": Text("worse, and so on", "악화"),
    "says.missing": Text("not tested", "검정하지 않음"),
    "rank.axis": Text("average rank (1 = best)", "평균 순위 (1 = 가장 좋음)"),
    "rank.difference": Text("critical difference {value}", "임계차 {value}"),
    "margin+": Text("+margin", "+한계"),
    "margin-": Text("−margin", "−한계"),
}


def say(key: str, language: Language, **values: str) -> str:
    """The words of `key`; `both` speaks English, as the body of the report does."""
    text = WORDS[key]
    return (text.ko if language == "ko" else text.en).format(**values)
