"""Words for all arms at once, agreement between runs, reliability and variance components, English and Korean."""

from __future__ import annotations

from collections.abc import Mapping

RELIABILITY_WORDS: Mapping[str, tuple[str, str]] = {
    # headings
    "h.omnibus": ("All arms at once", "모든 비교군을 한꺼번에"),
    "h.run_agreement": ("Does the same recipe explain alike?", "같은 학습 방법은 비슷하게 설명하는가"),
    "h.reliability": ("Can these metrics carry a conclusion?", "이 지표로 결론을 낼 수 있는가"),
    "h.components": ("What to buy next: seeds or images", "다음에 늘릴 것: 시드 또는 영상"),
    # heads and cells
    "col.arm_means": ("Arm means", "비교군 평균"),
    "col.f_recipe": ("F: retraining, new images", "F: 재학습, 새 영상"),
    "col.f_models": ("F: these models, new images", "F: 이 모델들, 새 영상"),
    "col.ranks_models": ("Ranks: these models, new images", "순위: 이 모델들, 새 영상"),
    "col.average_rank": ("average rank", "평균 순위"),
    "col.p_holm": ("p, signed rank (Holm)", "p, 부호순위 (Holm)"),
    "col.p_nemenyi": ("p, all pairs (Nemenyi)", "p, 모든 쌍 (Nemenyi)"),
    "col.delta_models": ("Δ, 95% CI, these models", "Δ, 95% 신뢰구간, 이 모델들"),
    "col.runs_of": ("Runs of", "실행"),
    "col.against_runs_of": ("with runs of", "비교 대상 실행"),
    "col.alpha": ("α, order", "α, 순서"),
    "col.alpha_interval": ("α, values", "α, 값"),
    "col.dependability": ("dependability", "신뢰 가능도"),
    "col.rho_high": ("ρ, closest namesake", "ρ, 가장 가까운 지표"),
    "col.rho_low": ("ρ, farthest namesake", "ρ, 가장 먼 지표"),
    "col.sd_run": ("SD of runs", "SD, 실행"),
    "col.sd_arm_image": ("SD of arm by image", "SD, 비교군 × 영상"),
    "col.sd_residual": ("SD of the rest", "SD, 나머지"),
    "col.sd_image": ("SD of images", "SD, 영상"),
    "cell.f": ("F({df1}, {df2}) = {f}", "F({df1}, {df2}) = {f}"),
    "cell.p": ("p {p}", "p {p}"),
    "cell.w": ("W = {w}", "W = {w}"),
    "cell.models": ("models: {interval}", "모델: {interval}"),
    # all arms at once
    "tab.omnibus": (
        "All arms at once: context for the contrasts, never a gate before them. p unadjusted, m = {m}.",
        "모든 비교군을 한꺼번에: 비교를 읽기 위한 배경이며, 비교의 조건이 아님. p 보정 전, m = {m}.",
    ),
    "note.omnibus": (
        "Retraining: Obuchowski-Rockette F, one run variance for all arms, seeds {seeding}; {runs} per arm. These models: "
        "runs averaged, {blocks} as blocks; repeated measures with degrees of freedom after Greenhouse-Geisser, and ranks "
        "(Kendall’s W, 1 = one order in every block; p of Iman and Davenport’s F).",
        "재학습: Obuchowski-Rockette F, 모든 비교군에 한 실행 분산, 시드 {seeding}, 비교군당 {runs}. 이 모델들: 실행 평균, "
        "블록은 {blocks}. Greenhouse-Geisser 자유도의 반복측정 분석과 순위(Kendall W, 1 = 모든 블록에서 같은 순서; "
        "p는 Iman-Davenport F).",
    ),
    "blocks.images": ("{n} images", "영상 {n}장"),
    "blocks.patients": ("{n} patients", "환자 {n}명"),
    "tab.arm_ranks": (
        "Ranks of the arms, {what}: these trained models, {runs} averaged, {blocks} as blocks; 1 = best.",
        "비교군의 순위, {what}: 학습된 이 모델들, {runs} 평균, 블록은 {blocks}. 1 = 가장 좋음.",
    ),
    "note.arm_ranks": (
        "p of the signed rank against {reference} after Holm’s adjustment, m = {m}: more power than all pairs, so the "
        "default reading. p of all pairs: Nemenyi, {pairs} pairs. Both are about these models on new images, not about "
        "retraining.",
        "부호순위 p: {reference} 대비, Holm 보정, m = {m}. 모든 쌍의 비교보다 검정력이 높아 기본으로 읽음. "
        "모든 쌍의 p: Nemenyi, 쌍 {pairs}개. 둘 다 새 영상에 대한 이 모델들의 결과이며, 재학습에 대한 것이 아님.",
    ),
    "fig.arm_ranks": (
        "Average ranks of the arms, {what}, {runs}. Blocks: {blocks}, runs averaged first; these trained models, not "
        "retraining. "
        "Bars join arms whose ranks differ by less than the critical difference {cd} (Nemenyi, level {alpha}; Friedman "
        "p {p}, W = {w}). Semibold: not told apart from the best.",
        "비교군의 평균 순위, {what}, {runs}. 블록: {blocks}, 먼저 실행 평균; 학습된 이 모델들에 관한 것이며 재학습에 대한 것이 아님. "
        "막대: 순위 차이가 임계차 {cd}보다 작은 비교군 (Nemenyi, 수준 {alpha}; Friedman p {p}, W = {w}). "
        "굵은 이름: 가장 좋은 비교군과 구별되지 않음.",
    ),
    # agreement between runs
    "tab.run_agreement": (
        "Agreement between runs: mean Spearman correlation of the maps of two different runs, over all pairs and {n} of "
        "{listed} test images. Diagonal: runs of one arm.",
        "실행 간 일치도: 서로 다른 두 실행의 맵 사이 Spearman 상관의 평균, 모든 쌍과 검사 영상 {listed}장 중 {n}장. "
        "대각선: 한 비교군의 실행들.",
    ),
    "note.run_agreement": (
        "1: the same order of pixels; 0: as by chance. Small print: 95% CI if we trained again and took new images "
        "(jackknife over runs); after “models:” for these trained models only. Pairs share runs, so their spread is no "
        "interval. Maps are compared as made, signed, at their own size; images: all up to 200, else 200 spread "
        "evenly over the test list.",
        "1: 픽셀의 순서가 같음, 0: 우연 수준. 작은 글씨: 재학습과 새 영상에 대한 95% 신뢰구간(실행 잭나이프), “모델:” 뒤는 학습된 "
        "이 모델들에 한함. 쌍들은 실행을 공유하므로 쌍 사이의 퍼짐은 신뢰구간이 아님. 맵은 만들어진 그대로, 부호와 "
        "크기를 바꾸지 않고 비교함. 영상: 200장까지는 전부, 그보다 많으면 검사 목록에서 고르게 200장.",
    ),
    # reliability of metrics
    "tab.reliability": (
        "Can these metrics carry a conclusion? {attribution}, maps of {arm}; {blocks}.",
        "이 지표로 결론을 낼 수 있는가? {attribution}, 맵: {arm}; {blocks}.",
    ),
    "note.reliability": (
        "△ below {least}: images, arms or namesakes hardly hang together, so read this metric’s results with care. α: "
        "Krippendorff’s agreement of images on the methods, controls included (their order; their values). Dependability: "
        "share of the variance of an arm mean that is the arm; low where the arms hardly differ. ρ: Spearman over images "
        "with another metric of the same kind, runs averaged, turned so that agreement is positive; parts of ADCC have none.",
        "△ {least} 미만: 영상, 비교군 또는 같은 종류의 지표가 서로 잘 맞지 않으므로 이 지표의 결과는 주의해서 읽을 것. α: 방법(대조 포함)에 대한 "
        "영상들의 Krippendorff 일치도(순서, 값). 신뢰 가능도: 비교군 평균의 분산 중 비교군이 차지하는 비율이며, 비교군 간 차이가 작으면 "
        "낮음. ρ: 같은 종류의 다른 지표와 영상에 걸친 Spearman 상관, 실행 평균, 일치하면 양수가 되도록 방향을 맞춤. "
        "ADCC의 구성 요소에는 없음.",
    ),
    # variance components
    "tab.components": (
        "Where the values of the primary metrics vary: standard deviations, in units of the metric.",
        "주요 지표의 값이 어디서 달라지는가: 표준편차, 지표의 단위.",
    ),
    "note.components": (
        "Roots of the variance components (ANOVA). 0.000: the estimate was negative; raw values are in components.parquet "
        "and results.json. Differences between images cancel in every contrast.",
        "분산 성분(ANOVA)의 제곱근. 0.000: 추정값이 음수였음. 원래 값은 components.parquet, results.json 참조. "
        "영상 간 차이는 모든 비교에서 상쇄됨.",
    ),
    "buy.seeds": (
        "{what}: with {runs} runs per arm and {images} images, {share} of what seeds or images can still take off the "
        "variance is luck of the runs: buy seeds next.",
        "{what}: 비교군당 실행 {runs}회, 영상 {images}장에서 시드나 영상으로 더 줄일 수 있는 분산의 {share}: 실행의 우연. "
        "다음에는 시드를 늘릴 것.",
    ),
    "buy.images": (
        "{what}: with {runs} runs per arm and {images} images, {share} of what seeds or images can still take off the "
        "variance comes from the sample of images: buy images next.",
        "{what}: 비교군당 실행 {runs}회, 영상 {images}장에서 시드나 영상으로 더 줄일 수 있는 분산의 {share}: 영상의 표본. "
        "다음에는 영상을 늘릴 것.",
    ),
    "buy.unknown": (
        "{what}: the design does not tell whether seeds or images should be bought next.",
        "{what}: 시드와 영상 중 무엇을 늘려야 하는지 이 설계로는 알 수 없음.",
    ),
    # methods paragraph and glossary
    "m.omnibus": (
        "As context, never as a condition of the contrasts, all {n} arms were compared at once: by the "
        "Obuchowski-Rockette F with one run variance for all arms (retraining and new images), and for the trained "
        "models by repeated measures with Greenhouse-Geisser degrees of freedom and by ranks over {blocks} (Friedman, "
        "Iman-Davenport, Nemenyi; signed rank against {reference} with Holm’s adjustment).",
        "비교의 조건이 아니라 배경으로 비교군 {n}개를 한꺼번에 비교하였다: 모든 비교군에 한 실행 분산을 둔 Obuchowski-Rockette F"
        "(재학습과 새 영상), 그리고 학습된 모델에 대해 Greenhouse-Geisser 자유도의 반복측정 분석과 {blocks}에 걸친 순위"
        "(Friedman, Iman-Davenport, Nemenyi; {reference} 대비 부호순위, Holm 보정).",
    ),
    "m.blocks.images": ("images", "영상"),
    "m.blocks.patients": ("patients", "환자"),
    "m.run_agreement": (
        "Agreement between runs is the Spearman correlation of their maps on the same image, averaged over pairs of "
        "different runs; its interval for retraining is a leave-one-run-out jackknife, made from four runs on.",
        "실행 간 일치도는 같은 영상에서 두 실행의 맵 사이 Spearman 상관을 서로 다른 실행의 쌍에 걸쳐 평균한 값이며, 재학습 "
        "신뢰구간은 실행을 하나씩 빼는 잭나이프로 실행 4회 이상에서 구하였다.",
    ),
    "name.omnibus": ("F over all arms", "모든 비교군의 F"),
    "def.omnibus": (
        "How far the arm means lie apart, against the luck of runs and images. It does not say which arms differ.",
        "비교군 평균들이 실행과 영상의 우연에 비해 얼마나 떨어져 있는지. 어느 비교군이 다른지는 말하지 않음.",
    ),
    "name.kendall_w": ("Kendall’s W", "Kendall W"),
    "def.kendall_w": (
        "Agreement of the blocks on the order of the arms: 0 none, 1 one order everywhere.",
        "비교군의 순서에 대한 블록들의 일치: 0 없음, 1 모두 같은 순서.",
    ),
    "name.run_agreement": ("agreement between runs", "실행 간 일치도"),
    "def.run_agreement": (
        "Spearman correlation of the maps of two runs on one image, −1 to 1; 0 as by chance, 1 the same order of pixels.",
        "한 영상에서 두 실행의 맵 사이 Spearman 상관, −1 ~ 1; 0 우연 수준, 1 같은 픽셀 순서.",
    ),
    "name.alpha": ("α (Krippendorff)", "α (Krippendorff)"),
    "def.alpha": (
        "Do images agree on the methods: 1 they do, 0 as by chance, below 0 they disagree.",
        "방법에 대해 영상들이 일치하는가: 1 일치, 0 우연 수준, 0 미만 불일치.",
    ),
    "name.dependability": ("dependability", "신뢰 가능도"),
    "def.dependability": (
        "Share of the variance of an arm’s mean that belongs to the arm, not to luck of runs or images; 0 to 1.",
        "비교군 평균의 분산 중 실행과 영상의 우연이 아니라 비교군에 속하는 비율; 0 ~ 1.",
    ),
}
