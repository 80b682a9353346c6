"""Words of effect sizes, of equivalence, of families read at once, and of undefined values, English and Korean."""

from __future__ import annotations

from collections.abc import Mapping

EFFECT_WORDS: Mapping[str, tuple[str, str]] = {
    # families
    "adjustment.by": ("BY p", "BY p"),
    "adjustment.max_t": ("max-T p", "max-T p"),
    "adjusted.by": ("Benjamini-Yekutieli", "Benjamini-Yekutieli"),
    "adjusted.max_t": ("max-T over shared resamples", "공통 재표집의 max-T"),
    "col.ci.simultaneous": ("95% CI, simultaneous", "95% 동시 신뢰구간"),
    "col.read_as": ("Read as", "읽는 방법"),
    "value.confirmatory": ("confirmatory", "확증적"),
    "value.exploratory": ("exploratory", "탐색적"),
    "interval.simultaneous": (", simultaneous", " (동시)"),
    "fig.simultaneous": (
        " Thin black intervals are simultaneous: they hold for the whole family at once.",
        " 가는 검은 신뢰구간: 검정군 전체에 동시에 성립함.",
    ),
    "fig.secondary.simultaneous": (
        "Secondary metrics, difference with 95% CI, simultaneous within each family ({question}; {extent}). Values keep "
        "their sign; where lower is better the axis runs the other way, so right is better everywhere.",
        "보조 지표, 차이와 검정군별 95% 동시 신뢰구간({question}; {extent}). 값의 부호는 그대로이며, 낮을수록 좋은 지표는 축을 뒤집어 "
        "모두 오른쪽이 좋음.",
    ),
    "tab.secondary.simultaneous": (
        "Secondary contrasts: description, no verdict. {adjustment} within each family, {m}; 95% CI simultaneous within "
        "each family, {question}; {extent}.",
        "보조 비교: 기술적 결과이며 판정 없음. 검정군별 {adjustment}, {m}; 95% 신뢰구간은 검정군별 동시 구간, {question}; {extent}.",
    ),
    "note.simultaneous": (
        "Simultaneous intervals come from the largest studentised difference of a family over the shared resamples.",
        "동시 신뢰구간: 공통 재표집에서 검정군의 가장 큰 표준화 차이로 구함.",
    ),
    "note.chance.simultaneous": (
        "Plain intervals, one contrast at a time; verdicts rest on the simultaneous ones of the table above.",
        "비교마다 따로 구한 신뢰구간; 판정은 위 표의 동시 신뢰구간에 따름.",
    ),
    "note.gate": (
        "Read as: confirmatory only where the primary contrast of the same question is told apart from 0.",
        "읽는 방법: 같은 질문의 주요 비교에서 차이가 확인된 경우에만 확증적.",
    ),
    # effect sizes
    "h.effects": ("Effect sizes", "효과 크기"),
    "tab.effects.recipe": (
        "Effect sizes if we trained again and took new images; {extent}. Below each value its 95% CI, not adjusted for "
        "{m} contrasts.",
        "재학습하고 새 영상을 얻을 때의 효과 크기; {extent}. 값 아래: 95% 신뢰구간, 비교 {m}건 보정 전.",
    ),
    "tab.effects.models": (
        "Effect sizes for these trained models on new images; {extent}. Below each value its 95% CI, not adjusted for "
        "{m} contrasts.",
        "학습된 이 모델들과 새 영상에서의 효과 크기; {extent}. 값 아래: 95% 신뢰구간, 비교 {m}건 보정 전.",
    ),
    "note.effects.recipe": (
        "A run pair is one run of each arm. {bar} of run pairs is a common bar in benchmark work; no verdict rests on it. "
        "Resampled limits are rounded to their Monte Carlo error.",
        "실행 쌍: 비교군마다 실행 하나. 실행 쌍의 {bar}: 벤치마크 연구에서 흔히 쓰는 기준이며 판정에는 쓰지 않음. "
        "재표집 한계는 몬테카를로 오차에 맞춰 반올림함.",
    ),
    "note.effects.models": (
        "Luck of runs is not in these numbers. Resampled limits are rounded to their Monte Carlo error.",
        "실행의 우연은 이 값들에 들어 있지 않음. 재표집 한계는 몬테카를로 오차에 맞춰 반올림함.",
    ),
    "col.d_run": ("d, runs", "d (실행)"),
    "col.d_total": ("d, total", "d (전체)"),
    "col.p_improve_runs": ("run pairs better", "좋아진 실행 쌍"),
    "col.p_improve_joint": ("run pairs × images better", "좋아진 실행 쌍 × 영상"),
    "col.percent": ("% of control", "대조 대비 %"),
    "col.gz": ("g, images", "g (영상)"),
    "col.d_av": ("d, average SD", "d (평균 SD)"),
    "col.d_rm": ("d, single values", "d (단일 값)"),
    "col.rank_biserial": ("rank-biserial", "순위 이연"),
    # equivalence and non-inferiority
    "tab.equivalence": (
        "Equivalence{more}: {question}; {extent}. Each p is one of {m} and is not adjusted.",
        "동등성{more}: {question}; {extent}. p 값은 비교 {m}건 각각의 보정 전 값.",
    ),
    "tab.equivalence.more": (" and non-inferiority", "과 비열등성"),
    "col.margin": ("Margin", "한계"),
    "col.p_tost": ("p, equivalence", "p (동등성)"),
    "col.smallest_margin": ("smallest margin", "최소 한계"),
    "col.noninferiority": ("one-sided 95% limit", "단측 95% 한계"),
    "note.equivalence": (
        "Smallest margin: the least one at which equivalence would have been concluded.",
        "최소 한계: 동등하다고 결론지을 수 있었을 가장 작은 한계.",
    ),
    "note.noninferiority": (
        "One-sided limit on the worse side, below it the p that the first arm is worse by the margin or more.",
        "나쁜 쪽의 단측 한계, 그 아래는 앞 비교군이 한계 이상 나쁘다는 가설의 p.",
    ),
    "effects.p": ("p {p}", "p {p}"),
    "col.effects.ci90": ("90% CI", "90% 신뢰구간"),
    # undefined values
    "tab.undefined": (
        "Contrasts whose arms lack values unequally, read three ways: 95% CI and p, {question}; {extent}; "
        "p not adjusted for {m} tests.",
        "값이 없는 비율이 다른 비교의 세 가지 해석: 95% 신뢰구간과 p, {question}; {extent}; 검정 {m}건 보정 전 p.",
    ),
    "col.reading": ("Undefined values", "정의되지 않은 값"),
    "col.images": ("Images", "영상"),
    "value.reading.as": ("as analysed", "분석 그대로"),
    "value.reading.worst": ("as the worst value", "최악값으로"),
    "value.reading.dropped": ("images dropped", "해당 영상 제외"),
    # methods paragraph
    "m.simultaneous": (
        "Intervals are simultaneous over each family: the largest studentised difference over {b} shared resamples of runs "
        "and images gives the critical value; the p of primary contrasts comes from the same maximum (max-T).",
        "신뢰구간은 검정군별 동시 구간이다: 실행과 영상의 공통 재표집 {b}회에서 가장 큰 표준화 차이가 임계값이며, "
        "주요 비교의 p 값도 같은 최댓값(max-T)에서 구하였다.",
    ),
    "m.gate": (
        "A secondary contrast is read as confirmatory only where the primary contrast of its question was told apart.",
        "보조 비교는 같은 질문의 주요 비교에서 차이가 확인된 경우에만 확증적으로 읽는다.",
    ),
    "m.by": (
        "Secondary p were adjusted by Benjamini and Yekutieli, which holds for any dependence between tests.",
        "보조 비교의 p 값은 검정 간 의존성과 무관하게 성립하는 Benjamini-Yekutieli 방법으로 보정하였다.",
    ),
    "m.pooled": (
        "One run variance was used for all arms (Hillis degrees of freedom); it assumes that arms are equally noisy.",
        "모든 비교군에 공통인 실행 간 분산을 사용하였다(Hillis 자유도). 비교군의 변동이 같다는 가정이 필요하다.",
    ),
    "m.strata": (
        "Resampled images were drawn within the classes of the target.",
        "영상 재표집은 대상 클래스 안에서 하였다.",
    ),
    "m.common": (
        "Only images that every run lists were compared.",
        "모든 실행의 목록에 있는 영상만 비교하였다.",
    ),
    "m.worst": (
        "Undefined values were counted; they entered as the worst value for {metrics}, and were left out elsewhere.",
        "정의되지 않은 값은 세었다. 최악값으로 계산한 지표: {metrics}. 나머지 지표에서는 제외하였다.",
    ),
    "m.noninferiority": (
        "Non-inferiority was asked of {metrics} (one-sided, level {alpha}, margin as declared).",
        "비열등성을 검정한 지표: {metrics} (단측, 수준 {alpha}, 선언한 한계).",
    ),
    "m.secondary.simultaneous": (
        "Secondary contrasts are reported with simultaneous 95% intervals, adjusted p and no verdict.",
        "보조 비교는 95% 동시 신뢰구간과 보정 p로 보고하며 판정하지 않았다.",
    ),
    # glossary
    "name.d_run": ("d, runs", "d (실행)"),
    "def.d_run": (
        "Difference over the SD of single runs. From − to + without limit; 0 = no shift. Interval: noncentral t.",
        "차이를 단일 실행의 표준편차로 나눈 값. 한계 없음; 0 = 이동 없음. 구간: 비중심 t.",
    ),
    "name.d_total": ("d, total", "d (전체)"),
    "def.d_total": (
        "Difference over the SD of a single value: image, arm-by-image, run and residual together (Westfall 2014). "
        "Interval: runs and images resampled, t quantile.",
        "차이를 단일 값의 표준편차(영상, 비교군 × 영상, 실행, 잔차)로 나눈 값 (Westfall 2014). 구간: 실행과 영상 재표집, t 분위수.",
    ),
    "name.p_improve_runs": ("run pairs better", "좋아진 실행 쌍"),
    "def.p_improve_runs": (
        "Share of pairs, one run of each arm, in which the first arm's mean is better, ties half. Chance 50%. "
        "Interval: runs and images resampled (Bouthillier 2021).",
        "비교군마다 실행 하나씩 짝지을 때 앞 비교군의 평균이 더 좋은 비율(동점은 절반). 우연 수준 50%. "
        "구간: 실행과 영상 재표집 (Bouthillier 2021).",
    ),
    "name.p_improve_joint": ("run pairs × images better", "좋아진 실행 쌍 × 영상"),
    "def.p_improve_joint": (
        "Share of run pairs and images together in which the first arm is better, ties half. Chance 50%. "
        "Interval: runs and images resampled.",
        "실행 쌍과 영상의 조합 중 앞 비교군이 더 좋은 비율(동점은 절반). 우연 수준 50%. 구간: 실행과 영상 재표집.",
    ),
    "name.percent": ("% of control", "대조 대비 %"),
    "def.percent": (
        "Difference in percent of the control's mean, for metrics whose 0 means nothing is there. The limits are those of "
        "the difference; the control's mean is taken as it is.",
        "대조 평균에 대한 차이의 백분율(0이 없음을 뜻하는 지표만). 한계는 차이의 신뢰구간이며, 대조 평균은 그대로 사용함.",
    ),
    "name.gz": ("g, images", "g (영상)"),
    "def.gz": (
        "Mean over SD of the image (patient) differences, runs averaged, with Hedges's factor. Depends on how many runs "
        "were averaged. Interval: noncentral t.",
        "영상(환자)별 차이의 평균을 표준편차로 나눈 값(실행 평균 후), Hedges 보정. 평균한 실행 수에 따라 달라짐. 구간: 비중심 t.",
    ),
    "name.d_av": ("d, average SD", "d (평균 SD)"),
    "def.d_av": (
        "Mean difference over the root mean variance of both arms between images. Not comparable with g. "
        "Interval: images resampled.",
        "평균 차이를 두 비교군의 영상 간 분산 평균의 제곱근으로 나눈 값. g와 비교할 수 없음. 구간: 영상 재표집.",
    ),
    "name.d_rm": ("d, single values", "d (단일 값)"),
    "def.d_rm": (
        "Paired d multiplied by √(2(1 − r)): the paired difference on the scale of single values. Interval: images resampled.",
        "쌍별 d에 √(2(1 − r))을 곱하여 단일 값의 척도로 나타낸 값. 구간: 영상 재표집.",
    ),
    "name.rank_biserial": ("rank-biserial, matched", "순위 이연 (짝지음)"),
    "def.rank_biserial": (
        "Positive minus negative rank sum over their total, zeros dropped. −1 to 1; 0 = balanced. "
        "Interval: images resampled.",
        "양의 순위합에서 음의 순위합을 뺀 값을 전체로 나눔(0은 제외). −1 ~ 1; 0 = 균형. 구간: 영상 재표집.",
    ),
    "name.noninferiority": ("non-inferior", "비열등"),
    "def.noninferiority": (
        "The one-sided 95% limit lies on the better side of minus the margin: worse by less than the margin.",
        "단측 95% 한계가 −한계보다 좋은 쪽에 있음: 나쁘더라도 한계보다 작음.",
    ),
    "name.simultaneous": ("simultaneous interval", "동시 신뢰구간"),
    "def.simultaneous": (
        "Intervals wide enough to hold for all contrasts of a family at once.",
        "검정군의 모든 비교에 동시에 성립하도록 넓힌 신뢰구간.",
    ),
}
