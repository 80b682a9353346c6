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
    "to.plain": Text("{low} to {high}", "{low} ~ {high}"),
    "share better": Text("{share} of images\nbetter", "영상의 {share}\n개선"),
    "share higher": Text("{share} of images\nhigher", "영상의 {share}\n증가"),
    "difference": Text("difference", "차이"),
    "higher is better": Text("higher is better →", "높을수록 좋음 →"),
    "lower is better": Text("lower is better →", "낮을수록 좋음 →"),
    "more rows": Text(
        "{n} more rows do not fit on this page: see contrasts.csv", "{n}행은 이 쪽에 들어가지 않음: contrasts.csv 참조"
    ),
    "more blocks": Text(
        "{n} more blocks (model and attribution) do not fit on this page",
        "{n}개(모델과 기여도)는 이 쪽에 들어가지 않음",
    ),
    "more panels": Text(
        "{n} more panels (model and stage) do not fit on this page", "{n}개(모델과 단계)는 이 쪽에 들어가지 않음"
    ),
    "no run": Text("× no run", "× 누락된 실행"),
    "epoch": Text("epoch", "에폭"),
    "loss": Text("loss", "손실"),
    "p(target class)": Text("p(target class)", "p(대상 클래스)"),
    "minus": Text("minus {arm}", "{arm} 대비 차이"),
    "pixels inserted": Text("pixels inserted, %", "삽입한 화소, %"),
    "pixels removed": Text("pixels removed, %", "제거한 화소, %"),
    "pixels changed": Text("pixels changed, %", "바꾼 화소, %"),
    "insertion_morf": Text("Insertion, MoRF ↑", "삽입, MoRF ↑"),
    "deletion_morf": Text("Deletion, MoRF ↓", "삭제, MoRF ↓"),
    "deletion_lerf": Text("Deletion, LeRF ↑", "삭제, LeRF ↑"),
    "insertion_lerf": Text("Insertion, LeRF ↓", "삽입, LeRF ↓"),
    "minus centre": Text("{difference}: {reference} − centre prior", "{difference}: {reference} − 중앙 사전 맵"),
    "checks.quantiles": Text("Normal Q–Q of differences", "차이의 정규 Q–Q"),
    "checks.levels": Text("Difference against mean", "평균에 대한 차이"),
    "checks.counts": Text("Estimate against images used", "사용한 영상 수와 추정값"),
    "checks.normal": Text("normal quantile", "정규 분위수"),
    "checks.mean": Text("mean {metric} of both arms", "두 비교군의 평균 {metric}"),
    "checks.images": Text("test images used", "사용한 검사 영상 수"),
    "margin": Text("margin", "한계"),
    "delta": Text("Δ {metric}", "Δ {metric}"),
    "p adj.": Text("p adj.", "보정 p"),
    "runs planned": Text("{n} runs planned", "계획한 실행 {n}회"),
    "runs finished": Text("{n} runs finished", "완료한 실행 {n}회"),
    "one arm": Text("1 arm", "비교군 1개"),
    "arms": Text("{n} arms", "비교군 {n}개"),
    "test images": Text("{n} test images", "검사 영상 {n}장"),
    "images": Text("{n} images", "영상 {n}장"),
    "patients": Text("{n} patients", "환자 {n}명"),
    "maps": Text("{runs} × {images} × {methods} methods = {n} maps", "{runs} × {images} × 방법 {methods}개 = 맵 {n}장"),
    "undefined": Text("{metric} undefined {n} times, counted", "{metric}: 정의되지 않은 값 {n}개, 집계함"),
    "failed": Text("{n} failed", "실패 {n}회"),
    "blocked": Text("{n} not started", "시작 못함 {n}회"),
    "missing": Text("{n} not run", "실행하지 않음 {n}회"),
    "more lost": Text("{n} more lost", "그 밖의 누락 {n}회"),
    "other reasons": Text("{n} other reasons", "다른 이유 {n}가지"),
    "not used": Text("{n} not used", "제외 {n}장"),
    "no value": Text("no value in every arm", "값이 없는 비교군 있음"),
    "same for all": Text("same for all", "모든 비교군에 공통"),
    "label.flow": Text("Flow of runs and images: planned, lost, analysed", "실행과 영상의 흐름: 계획, 누락, 분석"),
    "label.forest": Text("Forest plot of the primary contrasts", "주요 비교의 숲 그림"),
    "label.secondary": Text("Forest plot of the secondary contrasts", "보조 비교의 숲 그림"),
    "label.rule": Text("How a verdict is reached", "판정 규칙"),
    "label.runs": Text("One mark per run for each arm", "비교군별 실행마다 표식 하나"),
    "label.curves": Text(
        "Insertion and deletion curves, and their difference from the reference", "삽입과 삭제 곡선, 기준선 대비 차이"
    ),
    "label.estimation": Text(
        "Every image in both arms, and the differences with their intervals", "두 비교군의 모든 영상과 차이, 구간"
    ),
    "label.controls": Text("Means of real arms and of control maps", "실제 비교군과 대조 맵의 평균"),
    "label.checks": Text("Checks of the assumptions", "가정의 점검"),
    "label.learning": Text("Loss per epoch for each stage and arm", "단계와 비교군별 에폭당 손실"),
    "label.interaction": Text(
        "Runs and means of the four arms, and the effects with their intervals", "네 비교군의 실행과 평균, 효과와 구간"
    ),
    "label.dose": Text(
        "Runs and means over their doses, with the fitted line and its interval", "용량별 실행과 평균, 적합 직선과 구간"
    ),
    "label.ranks.maps": Text(
        "Average ranks of attribution methods with their critical difference", "기여도 방법의 평균 순위와 임계차"
    ),
    "label.ranks.arms": Text("Average ranks of arms with their critical difference", "비교군의 평균 순위와 임계차"),
    "label.design": Text("Arms as chains of training stages", "학습 단계의 사슬로 나타낸 비교군"),
    "margin+": Text("+margin", "+한계"),
    "margin-": Text("−margin", "−한계"),
}


def say(key: str, language: Language, **values: str) -> str:
    """The words of `key`; `both` speaks English, as the body of the report does."""
    text = WORDS[key]
    return (text.ko if language == "ko" else text.en).format(**values)
