"""Sentences about how contrasts were tested: families, resamples, undefined values, image lists."""

from __future__ import annotations

EFFECT_SENTENCES: dict[str, tuple[str, str]] = {
    "gate_closed": (
        "The primary contrast of this question is not told apart from 0: read this one as exploratory.",
        "이 질문의 주요 비교에서 차이가 확인되지 않음: 이 비교는 탐색적 결과로 읽어야 함.",
    ),
    "simultaneous_impossible": (
        "No simultaneous intervals: a contrast of the family has too few images to be resampled; Holm is used.",
        "동시 신뢰구간 없음: 이미지가 너무 적어 재표집할 수 없는 비교가 있음. Holm 보정을 사용함.",
    ),
    "run_variance_pooled": (
        "One run variance for all {n} arms ({runs} runs); the largest SD over runs is {ratio} times the smallest.",
        "비교군 {n}개에 공통인 실행 간 분산을 사용함 (실행 {runs}회). 가장 큰 표준편차: 가장 작은 것의 {ratio}배.",
    ),
    "pooling_refused": (
        "Run variances are not pooled: {n} arms have two runs or more on these images, and three are needed.",
        "실행 간 분산을 합치지 않음: 이 이미지들에서 실행이 2회 이상인 비교군 {n}개, 3개 필요.",
    ),
    "pooling_paired": (
        "Run variances are not pooled: seeds are paired.",
        "실행 간 분산을 합치지 않음: 시드가 짝지어진 설계임.",
    ),
    "exact_mcnemar": (
        "Exact McNemar test of these two trained models: they disagree on {n} of {images} images, "
        "{better} of them for {treatment}; p {p}, not adjusted.",
        "학습된 두 모델의 정확 McNemar 검정: 이미지 {images}장 중 불일치 {n}장, {treatment} 쪽 {better}장, p {p} (보정 전).",
    ),
    "undefined_as_worst": (
        "{metric}: {n} undefined values counted as {worst}, the worst value, as the protocol says.",
        "{metric}: 정의되지 않은 값 {n}개를 프로토콜에 따라 최악값 {worst}(으)로 계산함.",
    ),
    "images_common": (
        "Runs list different images ({low} to {high}); only the {n} that all of them list are used.",
        "실행마다 이미지 목록이 다름 ({low} ~ {high}장): 모든 실행에 공통인 {n}장만 사용함.",
    ),
}
"""Code -> sentence in English and Korean."""
