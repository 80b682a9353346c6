"""Every status and note as a sentence, in English and Korean.

Korean sentences put a colon or a noun after variables, because a particle depends on the
last sound of a word that a programme does not know.
"""

from __future__ import annotations

from typing import NamedTuple

from study.statistics.design_sentences import DESIGN_SENTENCES
from study.statistics.effect_sentences import EFFECT_SENTENCES


class Note(NamedTuple):
    """A code and the facts of its sentence."""

    code: str
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def english(self) -> str:
        """The sentence in English."""
        return SENTENCES[self.code][0].format(**dict(self.facts))

    @property
    def korean(self) -> str:
        """The sentence in Korean."""
        return SENTENCES[self.code][1].format(**dict(self.facts))


def note(code: str, **facts: str | int | float) -> Note:
    """A note; numbers are written with at most four significant digits."""
    return Note(code, tuple((name, _written(value)) for name, value in facts.items()))


def _written(value: str | int | float) -> str:
    return f"{value:.4g}".replace("-", "−") if isinstance(value, float) else str(value)


SENTENCES: dict[str, tuple[str, str]] = {
    **DESIGN_SENTENCES,
    **EFFECT_SENTENCES,
    # what kept the primary question from being answered
    "no_data": (
        "No value of {metric} for {arm} ({n} of {listed} images).",
        "{metric} 값 없음: {arm} (이미지 {listed}장 중 {n}장).",
    ),
    "insufficient_n": (
        "{n} {unit}: no spread, no test.",
        "{unit_ko} {n}개: 산포를 알 수 없어 검정하지 않음.",
    ),
    "insufficient_runs": (
        "One run of {arm}: nothing can be said about retraining.",
        "실행 1회 ({arm}): 재학습 결과에 대해서는 말할 수 없음.",
    ),
    "no_variation": (
        "All differences are zero; were both arms loaded from one checkpoint?",
        "모든 차이가 0임. 두 군이 같은 체크포인트에서 불러온 것은 아닌지 확인 필요.",
    ),
    "zero_variance_shift": (
        "Every image differs by exactly {shift}.",
        "모든 이미지의 차이가 정확히 같음: {shift}.",
    ),
    "undefined_metric": (
        "{metric} is undefined: {reason}.",
        "{metric}: 정의되지 않음 ({reason_ko}).",
    ),
    "auc_boundary": (
        "AUC of exactly 0 or 1 in {runs} of {n} runs: DeLong's variance is zero there.",
        "실행 {n}회 중 {runs}회의 AUC가 정확히 0 또는 1: 해당 DeLong 분산은 0임.",
    ),
    # how far the numbers carry
    "two_runs": (
        "Two runs per arm: about {df} degrees of freedom.",
        "군당 실행 2회: 자유도 약 {df}.",
    ),
    "zero_run_variance": (
        "Runs of {arm} are identical: is the seed applied?",
        "실행 결과가 서로 같음 ({arm}): 시드가 적용되는지 확인 필요.",
    ),
    "v_case_negative": (
        "Image part of the variance estimated as 0.",
        "분산 중 이미지 성분의 추정값: 0.",
    ),
    "few_clusters": (
        "{n} {unit}: interval is approximate.",
        "{unit_ko} {n}개: 신뢰구간은 근사값임.",
    ),
    "few_pairs": (
        "{n} pairs of seeds: fewer than 4, so analysed as nested, which is safe.",
        "시드 쌍 {n}개: 4개 미만이므로 더 안전한 내포 설계로 분석함.",
    ),
    "conditional_on_pretraining": (
        "{arm} rests on a single pretraining run; its luck is not in the ±.",
        "사전학습 1회에 기반함 ({arm}): 사전학습의 우연 변동은 ±에 포함되지 않음.",
    ),
    "pretraining_runs_averaged": (
        "{arm}: {runs} fine-tuning runs averaged inside {n} pretraining runs, which are the unit.",
        "{arm}: 미세조정 {runs}회를 사전학습 {n}회 안에서 평균함 (반복 단위: 사전학습).",
    ),
    # what is missing
    "missing_runs": (
        "{k} of {n} runs of {arm}; {which}.",
        "{arm}: 실행 {n}회 중 {k}회. {which_ko}.",
    ),
    "failures_by_arm": (
        "Runs failed unequally: {treatment} {failed_treatment}, {control} {failed_control}; "
        "a recipe that crashes is not just missing.",
        "군마다 실패 횟수가 다름: {treatment} {failed_treatment}회, {control} {failed_control}회. "
        "실패도 결과의 일부임.",
    ),
    "exclusions": (
        "{used} of {listed} images used; {not_applicable} do not apply, {incomplete} lack a value in some run.",
        "이미지 {listed}장 중 {used}장 사용: 해당 없음 {not_applicable}장, 일부 실행에서 값 없음 {incomplete}장.",
    ),
    "available_cells": (
        "Only {share} percent of images have every value; means are over available values ({undefined} undefined).",
        "모든 값이 있는 이미지: {share}%. 있는 값만으로 평균함 (값 없음 {undefined}개).",
    ),
    "missing_by_arm": (
        "The metric is undefined more often in one arm (sign test over {n} images of these trained models, {runs} runs, "
        "p {p}, unadjusted); with undefined as worst the difference is {worst}, with undefined dropped {dropped}.",
        "값이 없는 비율이 군마다 다름 (학습된 이 모델들, 실행 {runs}회, 이미지 {n}장의 부호 검정, p {p}, 보정 전). "
        "최악값으로 대체한 차이: {worst}, 제외한 차이: {dropped}.",
    ),
    "classes_left_out": (
        "Mean AUC over {k} of {n} classes.",
        "클래스 {n}개 중 {k}개의 평균 AUC.",
    ),
    # the shape of the differences
    "underpowered_exact": (
        "With {n} non-zero differences p cannot be below {floor}.",
        "0이 아닌 차이 {n}개: p 값의 하한 {floor}.",
    ),
    "permutation_floor": (
        "With {treatment} and {control} runs the exact permutation p cannot be below {floor}.",
        "실행 {treatment}회와 {control}회: 정확 순열검정 p 값의 하한 {floor}.",
    ),
    "many_ties": (
        "{share} percent of the differences are 0.",
        "차이가 0인 비율: {share}%.",
    ),
    "ceiling": ("{share} percent of values are at {limit}.", "값의 {share}%: 상한 {limit}."),
    "floor": ("{share} percent of values are at {limit}.", "값의 {share}%: 하한 {limit}."),
    "heavy_tails": (
        "Images that carry the mean: {n} (largest share of squared differences {share} percent); "
        "trimmed mean {trimmed}, Hodges-Lehmann {hl}.",
        "평균을 좌우하는 이미지 {n}장 (제곱 차이의 최대 비중 {share}%). 절사평균 {trimmed}, Hodges-Lehmann {hl}.",
    ),
    "mean_median_sign": (
        "Mean and median of the image differences have opposite signs.",
        "이미지별 차이의 평균과 중앙값 부호가 반대임.",
    ),
    # companions against the primary analysis
    "models_not_recipe": (
        "The trained models differ; whether retraining would repeat it is open.",
        "학습된 모델들 사이의 차이이며, 재학습 시 재현 여부는 알 수 없음.",
    ),
    "few_images": (
        "Runs agree on these images; whether other images would show it is open.",
        "이 이미지들에서는 실행 간 결과가 일치하나, 다른 이미지에서의 재현 여부는 알 수 없음.",
    ),
    "rank_vs_mean": (
        "The t test and the rank test differ: a few images carry the mean; see the histogram.",
        "t 검정과 순위 검정의 결과가 다름: 소수의 이미지가 평균을 좌우함. 히스토그램 참조.",
    ),
    "bootstrap_skipped_small_n": (
        "{n} {unit}: too few for a bootstrap interval.",
        "{unit_ko} {n}개: 부트스트랩 구간을 구하기에 부족함.",
    ),
    "bootstrap_disagrees": (
        "The resampled standard error is {ratio} times the computed one.",
        "재표집 표준오차: 계산된 표준오차의 {ratio}배.",
    ),
    "margin_set_later": (
        "The margin was set after results existed.",
        "한계값이 결과 확인 이후에 정해짐.",
    ),
    "metric_unreliable": (
        "Images do not agree on which of {n} maps is best on this metric (alpha {alpha}, {arm}).",
        "이 지표에서는 이미지마다 맵 {n}개의 순서가 다름 (alpha {alpha}, {arm}).",
    ),
    # what a ranking of attribution methods says, and how far it carries
    "ranks_these_models": (
        "Ranks over {n} {unit}, runs averaged first ({runs}): the order that the metric gives to these trained models; "
        "it does not say that the order would hold after retraining.",
        "{unit_ko} {n}개에 대한 순위 (먼저 평균한 실행: {runs}회): 이 학습된 모델들에서 지표가 매긴 순서이며, "
        "재학습 후에도 같다는 뜻은 아님.",
    ),
    "methods_left_out": (
        "Not ranked, without a value in too many runs or {unit}: {methods}.",
        "순위에서 제외 (값이 없는 실행 또는 {unit_ko} 과다): {methods}.",
    ),
    "few_blocks": (
        "{n} {unit}: the test and the critical difference are approximate.",
        "{unit_ko} {n}개: 검정과 임계차는 근사값임.",
    ),
    # all arms at once
    "too_few_arms": (
        "{metric}: {n} arms have a value; a comparison of all needs three.",
        "{metric}: 값이 있는 비교군 {n}개. 한꺼번에 비교하려면 3개 필요.",
    ),
    "arms_left_out": (
        "Left out, without a value: {arms}; {n} arms are compared.",
        "값이 없어 제외: {arms}. 비교한 비교군: {n}개.",
    ),
    "omnibus_few_blocks": (
        "{n} {unit} for {k} arms: repeated measures need {least} or more.",
        "비교군 {k}개, {unit_ko} {n}개: 반복측정 분석에는 {least}개 이상 필요.",
    ),
    "omnibus_no_residual": (
        "The arms differ by the same amount everywhere: repeated measures have no error to compare with.",
        "모든 곳에서 비교군 간 차이가 같음: 반복측정 분석의 오차를 구할 수 없음.",
    ),
    "omnibus_ties": (
        "All arms tie in every one of the {unit}: there are no ranks to compare.",
        "모든 {unit_ko}에서 비교군의 값이 같음: 비교할 순위가 없음.",
    ),
    # agreement between runs
    "agreement_models_only": (
        "With {runs} runs (fewer than {least}) nothing is said about retraining; the interval is for these models.",
        "실행 {runs}회({least}회 미만)이므로 재학습에 대해서는 말하지 않음. 신뢰구간은 이 모델들에 관한 것임.",
    ),
    "agreement_no_pair": (
        "{runs} run of {arm} has maps: there is no pair of runs to compare.",
        "맵이 있는 실행 {runs}회 ({arm}): 비교할 쌍이 없음.",
    ),
    "agreement_undefined": (
        "{n} of {total} pairs of maps have no rank correlation (a map is flat or not finite); they are left out.",
        "맵 쌍 {total}개 중 {n}개: 맵이 고르거나 유한하지 않아 순위 상관이 없음. 제외함.",
    ),
    "agreement_constant": (
        "Every image has the same agreement ({value}): no interval.",
        "모든 이미지의 일치도가 같음 ({value}): 신뢰구간 없음.",
    ),
    "agreement_random": (
        "The method draws at random: part of the disagreement is that of the draws.",
        "무작위 추출을 쓰는 방법: 불일치의 일부는 추출에 따른 것임.",
    ),
    # facts about the study
    "diverged_runs": (
        "Left out, training diverged: {runs}.",
        "학습 발산으로 제외: {runs}.",
    ),
}
