"""Sentences of two-factor and dose-response results, in English and Korean; `sentences` adds them to the others."""

from __future__ import annotations

DESIGN_SENTENCES: dict[str, tuple[str, str]] = {
    "no_data_of": (
        "No value for {arms} ({listed} images listed).",
        "값 없음: {arms} (목록의 이미지 {listed}장).",
    ),
    "no_images_in_common": (
        "No image has a value in every arm ({listed} images listed).",
        "모든 군에서 값이 있는 이미지 없음 (목록의 이미지 {listed}장).",
    ),
    "contrast_constant": (
        "Every image gives exactly {value}.",
        "모든 이미지의 값이 정확히 같음: {value}.",
    ),
    "failures_by_cell": (
        "Runs failed unequally: {counts}; a recipe that crashes is not just missing.",
        "군마다 실패 횟수가 다름: {counts}. 실패도 결과의 일부임.",
    ),
    "missing_by_cell": (
        "The metric is undefined unequally often: {shares} (sign tests of pairs of arms over {n} images of these trained "
        "models, {runs} runs; smallest Holm p {p}, m = {m}).",
        "값이 없는 비율이 군마다 다름: {shares} (학습된 이 모델들, 실행 {runs}회, 이미지 {n}장, 군 쌍의 부호 검정; "
        "Holm p 최솟값 {p}, m = {m}).",
    ),
    "two_runs_somewhere": (
        "An arm has two runs: about {df} degrees of freedom.",
        "실행이 2회인 군이 있음: 자유도 약 {df}.",
    ),
    "interaction_inside": (
        "The 90% interval of the interaction lies inside ±{margin}: the main effects answer.",
        "상호작용의 90% 신뢰구간이 ±{margin} 안에 있음: 주효과로 답함.",
    ),
    "interaction_open": (
        "The 90% interval of the interaction is not inside ±{margin}: the simple effects of {factor} answer, and main "
        "effects are averages over the other factor.",
        "상호작용의 90% 신뢰구간이 ±{margin} 안에 있지 않음: 단순효과({factor})로 답하며, 주효과는 다른 요인에 걸친 평균임.",
    ),
    "interaction_without_margin": (
        "No margin was declared, so the interaction cannot be shown to be negligible: the simple effects of {factor} "
        "answer, and main effects are averages over the other factor.",
        "한계를 선언하지 않아 상호작용이 무시할 만하다고 할 수 없음: 단순효과({factor})로 답하며, "
        "주효과는 다른 요인에 걸친 평균임.",
    ),
    "interaction_unknown": (
        "The interaction could not be tested for retraining: the simple effects of {factor} answer.",
        "재학습에 대한 상호작용 검정 불가: 단순효과({factor})로 답함.",
    ),
    "doses_missing": (
        "No run of {arms}: the line rests on {k} of {n} doses.",
        "실행 없음: {arms}. 직선은 용량 {n}개 중 {k}개에 기반함.",
    ),
    "too_few_doses": (
        "Runs at {k} of {n} doses; a line with its lack of fit needs three.",
        "실행이 있는 용량 {n}개 중 {k}개: 직선과 적합 결여에는 3개가 필요함.",
    ),
    "lack_of_fit": (
        "A straight line does not fit the doses (lack of fit p {p}, these images; {runs} runs, {n} images): the slope "
        "alone misleads.",
        "용량에 직선이 맞지 않음 (적합 결여 p {p}, 이 이미지들; 실행 {runs}회, 이미지 {n}장): 기울기만으로는 오해의 소지가 있음.",
    ),
}
