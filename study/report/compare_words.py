"""Words for two reports side by side, English and Korean."""

from __future__ import annotations

from collections.abc import Mapping

COMPARE_WORDS: Mapping[str, tuple[str, str]] = {
    "compare.changed": ("What changed from {a} to {b}", "{a} → {b}: 바뀐 점"),
    "compare.common": (
        "Contrasts in common: difference (interval at level {alpha} for retraining and new images; runs of both arms, images)",
        "공통 비교: 차이 (수준 {alpha} 신뢰구간, 재학습과 새 영상; 두 비교군의 실행, 영상)",
    ),
    "compare.predictions": ("Predictions", "예측"),
    "compare.none": ("The two reports have no contrast in common.", "두 보고서에 공통된 비교가 없음."),
    "compare.only": (
        "Only in {a}: {n_a} contrasts; only in {b}: {n_b}.",
        "{a}에만 있는 비교 {n_a}건, {b}에만 있는 비교 {n_b}건.",
    ),
    "compare.differ": ("What differs between the protocols", "프로토콜의 차이"),
    "compare.same": ("The protocols do not differ.", "프로토콜의 차이 없음."),
    "compare.side": (
        "{delta} ({ci}; {a} + {b} runs, {images} images)",
        "{delta} ({ci}; 실행 {a} + {b}회, 영상 {images}장)",
    ),
    "compare.rule": (
        "Two overlapping intervals do not mean that studies agree: estimates of separate studies are compared by their difference with its own interval (SE: "
        "root of the summed squared SE, Satterthwaite degrees of freedom), and only where metric, attribution, version "
        "and direction agree. Arms of the same name can be other recipes: see the protocols. Rows are never pooled.",
        "두 구간이 겹친다고 결과가 일치하는 것은 아님: 서로 다른 "
        "연구의 추정값은 차이와 그 차이의 신뢰구간(표준오차 제곱합의 제곱근, Satterthwaite 자유도)으로 비교하며, 지표·기여도·버전·방향이 "
        "같을 때에만 비교함. 이름이 같은 비교군도 학습 방법이 다를 수 있음: 프로토콜 참조. 행을 합치지 않음.",
    ),
    "compare.alpha": (
        "The levels differ ({a}, {b}); the interval of the difference is at level {alpha}.",
        "수준이 다름({a}, {b}); 차이의 신뢰구간은 수준 {alpha}.",
    ),
    "compare.shared.study": ("versions of one study are not independent", "한 연구의 두 판은 서로 독립이 아님"),
    "compare.shared.table": ("both rest on the same table", "두 결과가 같은 표에서 나옴"),
    "compare.shared.films": (
        "both were tested on the same films: not independent; compare these arms within one study",
        "같은 영상으로 검사하여 독립이 아님; 한 연구 안에서 비교할 것",
    ),
    "compare.version": ("metric versions differ ({a}, {b})", "지표의 버전이 다름 ({a}, {b})"),
    "compare.direction": ("the direction of the metric differs", "지표의 방향이 다름"),
    "compare.no_se": ("one of them has no standard error", "한쪽에 표준오차가 없음"),
    "compare.no_interval": ("no interval: {why}", "신뢰구간 없음: {why}"),
    "compare.exclusions": (
        "{name}: images left out {before} → {after}.",
        "{name}: 제외한 영상 {before} → {after}장.",
    ),
    "compare.deviation": (
        "Protocol deviation, {n} runs finished by then: {where}: {before} → {after}.",
        "프로토콜 변경(당시 완료한 실행 {n}회): {where}: {before} → {after}.",
    ),
    "compare.arms": ("Arms", "비교군"),
    "compare.arm": ("Stages of {arm}", "단계, {arm}"),
    "compare.reference": ("Baseline", "기준선"),
    "compare.models": ("Models", "모델"),
    "compare.runs": ("Runs finished", "완료한 실행"),
    "compare.images": ("Images used", "사용한 영상"),
    "compare.metric": ("Version of {metric}", "버전, {metric}"),
    "compare.level": ("Level", "수준"),
    "compare.setting": ("analysis.{setting}", "analysis.{setting}"),
}
