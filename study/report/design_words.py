"""Words of two-factor and dose-response results, English and Korean."""

from __future__ import annotations

from collections.abc import Mapping

DESIGN_WORDS: Mapping[str, tuple[str, str]] = {
    "h.factors": ("Two factors", "두 요인"),
    "h.dose": ("Dose-response", "용량 반응"),
    # heads and rows
    "col.effect": ("Effect", "효과"),
    "col.ninety": ("90% CI", "90% 신뢰구간"),
    "col.p_and_m": ("p adj. (m)", "보정 p (m)"),
    "col.interaction": ("Interaction", "상호작용"),
    "col.averaged": ("{factor}, averaged over {other}", "{factor}, {other} 평균"),
    "col.change": ("Δ, {low} → {high}", "Δ, {low} → {high}"),
    "col.lack": ("Lack of fit", "적합 결여"),
    "col.order": ("Test of order", "순서 검정"),
    "col.kept": ("Not told apart from the best", "최고값과 구별 안 됨"),
    "col.dose": ("{name}", "{name}"),
    "col.mean": ("Mean", "평균"),
    "col.from_best": ("Δ from the best", "최고값 대비 Δ"),
    "effect.interaction": ("Interaction: {first} × {second}", "상호작용: {first} × {second}"),
    "effect.main": (
        "{factor}: {high} − {low}, averaged over {other}",
        "{factor}: {high} − {low}, {other} 평균",
    ),
    "effect.simple": ("{factor}: {high} − {low}, at {other} {at}", "{factor}: {high} − {low}, {other} {at}"),
    "effect.interaction.short": ("interaction", "상호작용"),
    "effect.main.short": ("{high} − {low}, averaged", "{high} − {low}, 평균"),
    "effect.simple.short": ("{high} − {low} at {at}", "{high} − {low}, {at}"),
    "value.models": ("these models {interval}", "이 모델들 {interval}"),
    "value.models_only": ("these trained models", "학습된 이 모델들"),
    "value.images": ("these images {interval}", "이 영상 {interval}"),
    "value.p_m": ("{p} (m = {m})", "{p} (m = {m})"),
    "value.ci": ("95% CI {interval}", "95% 신뢰구간 {interval}"),
    "value.lack": ("F({df1}, {df2}) = {f}", "F({df1}, {df2}) = {f}"),
    "value.p": ("p {p}", "p {p}"),
    "value.rises": ("rises, z = {z}", "증가, z = {z}"),
    "value.falls": ("falls, z = {z}", "감소, z = {z}"),
    "value.best": ("best", "최고"),
    "value.baseline": ("baseline", "기준선"),
    # the two factors in sentences
    "factors.open": (
        "{model} ({size}): the interaction, {interaction}, is not inside ±{margin}. The answer is the effect of {factor} at "
        "each level of {other}: {effects}.",
        "{model} ({size}): 상호작용 {interaction}, ±{margin} 안에 있지 않음. {factor} 효과를 {other} 수준별로 읽음: {effects}.",
    ),
    "factors.no_margin": (
        "{model} ({size}): the interaction, {interaction}. No margin was declared, so the answer is the effect of {factor} at "
        "each level of {other}: {effects}.",
        "{model} ({size}): 상호작용 {interaction}. 한계를 선언하지 않았으므로 {factor} 효과를 {other} 수준별로 읽음: {effects}.",
    ),
    "factors.inside": (
        "{model} ({size}): the interaction, {interaction}, is inside ±{margin}, so main effects answer: {effects}.",
        "{model} ({size}): 상호작용 {interaction}, ±{margin} 안에 있음. 주효과로 읽음: {effects}.",
    ),
    "factors.models": (
        "{model} ({size}): the interaction, {interaction}; whether retraining would repeat it is open. "
        "The effect of {factor} at each level of {other}: {effects}.",
        "{model} ({size}): 상호작용 {interaction}; 재학습 시 재현 여부는 알 수 없음. "
        "{other} 수준별 {factor} 효과: {effects}.",
    ),
    "factors.none": ("{model}: not tested. {reason}", "{model}: 검정하지 않음. {reason}"),
    "factors.value": (
        "Δ = {estimate} (95% CI {interval}; {p_name} {p}, m = {m})",
        "차이 {estimate} (95% 신뢰구간 {interval}, {p_name} {p}, m = {m})",
    ),
    "factors.value.interaction": (
        "Δ = {estimate} (95% CI {interval}, 90% CI {ninety}; {p_name} {p}, m = {m})",
        "차이 {estimate} (95% 신뢰구간 {interval}, 90% 신뢰구간 {ninety}, {p_name} {p}, m = {m})",
    ),
    "factors.value.models": (
        "Δ = {estimate} (95% CI for these models {interval}; {p_name} {p}, m = {m})",
        "차이 {estimate} (이 모델들의 95% 신뢰구간 {interval}, {p_name} {p}, m = {m})",
    ),
    "factors.value.none": ("not tested", "검정하지 않음"),
    "factors.one": ("{name}: {value}", "{name}: {value}"),
    "tab.factors": (
        "Two factors, {first} and {second}{on}. Interaction first. 95% CI: retraining and new images; small print: these "
        "trained models, new images. The 90% CI decides whether an effect is inside the margin.",
        "두 요인: {first}, {second}{on}. 상호작용이 먼저. 95% 신뢰구간: 재학습과 새 영상, 작은 글씨: 학습된 이 모델들과 새 영상. "
        "90% 신뢰구간: 한계 안인지를 정함.",
    ),
    "note.factors": (
        "Interaction: how much the effect of {first} changes from {second} {low} to {second} {high}; its variance is "
        "four times that of a main effect, so it needs about four times the runs. Interaction and main effects are "
        "one family (Holm); a simple effect that is a primary contrast keeps the p of that family, the others are "
        "adjusted effect by effect (Benjamini-Hochberg). Standard errors, df, raw p and the ANOVA of run means are in "
        "factorial.csv.",
        "상호작용: {second} {low}, {high} 사이에서 {first} 효과가 얼마나 달라지는가. 분산이 주효과의 네 배이므로 실행도 약 네 배 "
        "필요함. 상호작용과 주효과는 한 검정군(Holm). 주요 비교인 단순효과의 p는 해당 검정군의 값이며, 나머지는 효과별로 "
        "보정함(Benjamini-Hochberg). 표준오차, 자유도, 보정 전 p, 실행 평균의 분산분석: factorial.csv.",
    ),
    "tab.factors.more": (
        "Two factors on the other metrics: description, no verdict. Δ with 95% CI (retraining and new images; not adjusted; {size}), "
        "small print: adjusted p, one family per effect.",
        "다른 지표의 두 요인: 기술적 결과이며 판정 없음. Δ와 95% 신뢰구간(재학습과 새 영상, 보정 전; {size}), "
        "작은 글씨: 효과별 검정군의 보정 p.",
    ),
    "fig.factors": (
        "Two factors, {first} and {second}{on}, {model}. Left: one mark per run, bar at the mean of the arm; a line joins the arms of one "
        "level of {first}. Parallel lines would be no interaction. Right: the effects with 95% CI (thin) and 90% CI "
        "(thick) if we trained again and took new images; filled: what answers; grey: these trained models only.{band}",
        "두 요인: {first}, {second}{on}, {model}. 왼쪽: 실행마다 표식, 막대는 비교군의 평균, 선은 {first} 수준이 같은 비교군을 이음. "
        "선이 나란하면 상호작용이 없음. 오른쪽: 재학습과 새 영상에 대한 효과의 95% (가는 선), 90% (굵은 선) 신뢰구간. "
        "채운 표식: 답이 되는 효과, 회색: 학습된 이 모델들에 한함.{band}",
    ),
    # doses in sentences
    "dose.kept": (
        "{model}, {metric}: not told apart from the best by Holm (m = {m}; {size}): {kept}.",
        "{model}, {metric}: 최고값과 구별되지 않음 (Holm, m = {m}; {size}): {kept}.",
    ),
    "dose.kept.apart": (
        "{model}, {metric}: not told apart from the best by Holm (m = {m}; {size}): {kept}. Told apart: {apart}.",
        "{model}, {metric}: 최고값과 구별되지 않음 (Holm, m = {m}; {size}): {kept}. 구별됨: {apart}.",
    ),
    "dose.alone": (
        "{model}, {metric}: {kept} is told apart from every other dose by Holm (m = {m}; {size}).",
        "{model}, {metric}: {kept}, 다른 모든 용량과 구별됨 (Holm, m = {m}; {size}).",
    ),
    "dose.bent": (
        "A straight line does not fit{p}: the slope alone misleads.",
        "직선이 맞지 않음{p}: 기울기만으로는 오해의 소지가 있음.",
    ),
    "tab.dose": (
        "Dose-response to {name}: change of the fitted line from {low} to {high}, and how badly a line fits ({size}). 95% CI: "
        "retraining and new images; small print: these models and new images, retraining and these images.",
        "{name} 용량 반응: {low}, {high} 사이 적합 직선의 변화와 적합 결여({size}). 95% 신뢰구간: 재학습과 새 영상, "
        "작은 글씨: 이 모델들과 새 영상, 재학습과 이 영상.",
    ),
    "note.dose": (
        "Lack of fit: straight line against one mean per dose, on run means (these images; p not adjusted). Test of "
        "order: Page’s, images{blocks} as blocks, runs averaged (these models; two-sided, not adjusted). The slope per "
        "unit, its df and the quadratic term are in dose_response.csv.",
        "적합 결여: 용량마다 평균을 둔 모형 대비 직선, 실행 평균 기준(이 영상; p는 보정 전). 순서 검정: Page 검정, "
        "블록은 영상{blocks}, 실행은 평균함(이 모델들; 양측, 보정 전). 단위당 기울기, 자유도, 이차항: dose_response.csv.",
    ),
    "note.dose.blocks": (" or patients ({n})", " 또는 환자 ({n})"),
    "tab.levels": (
        "Doses one by one{on}: mean with its 95% CI (retraining and new images), and the difference from the best with "
        "its own 95% CI{scope}. Holm over the {m} comparisons with the best.",
        "용량별{on}: 평균과 95% 신뢰구간(재학습과 새 영상), 최고값 대비 차이와 그 95% 신뢰구간{scope}. "
        "최고값과의 비교 {m}건에 대해 Holm 보정.",
    ),
    "tab.levels.recipe": (" (retraining and new images)", "(재학습과 새 영상)"),
    "tab.levels.models": (" (these models, new images)", "(이 모델들, 새 영상)"),
    "note.levels": (
        "The dose with the best mean is not the best dose: every dose not told apart from it could be. The interval of "
        "a mean moves with the test set as a whole; the difference does not.",
        "평균이 가장 좋은 용량이 가장 좋은 용량이라는 뜻은 아님: 구별되지 않는 용량은 모두 가능함. "
        "평균의 신뢰구간은 검사 영상 전체에 따라 움직이나 차이는 그렇지 않음.",
    ),
    "fig.dose": (
        "Dose-response to {name}{on}, {model}. One mark per run, bar and thin line: mean of the arm with 95% CI. Line and band: least "
        "squares through the arm means with pointwise 95% CI. All intervals: retraining and new images.{baseline}",
        "{name} 용량 반응{on}, {model}. 실행마다 표식, 막대와 가는 선: 비교군의 평균과 95% 신뢰구간. 직선과 띠: 비교군 평균의 최소제곱 직선과 "
        "점별 95% 신뢰구간. 모든 구간: 재학습과 새 영상.{baseline}",
    ),
    "fig.dose.baseline": (
        " Dashed: mean of {name}, which is not a dose of 0 and not part of the line.",
        " 점선: {name} 평균. 용량 0이 아니며 직선에 포함되지 않음.",
    ),
    # page 1 and methods
    "quote.factors.open": (
        "{model}: the interaction of {first} and {second} is not shown to be inside the margin, so quote the effect of {first} "
        "at each level of {second} (section 5).",
        "{model}: {first}, {second} 상호작용이 한계 안에 있다고 할 수 없음. {first} 효과는 {second} 수준별로 인용할 것 (5절).",
    ),
    "quote.factors.inside": (
        "{model}: the interaction of {first} and {second} is inside the margin, so main effects may be quoted (section 5).",
        "{model}: {first}, {second} 상호작용이 한계 안에 있으므로 주효과를 인용할 수 있음 (5절).",
    ),
    "m.factors": (
        "Two factors of two levels ({first}: {first_low}, {first_high}; {second}: {second_low}, {second_high}) were "
        "analysed as contrasts of arm means, the interaction first; main effects stand for the answer only where the "
        "90% interval of the interaction lies inside the margin, else the simple effects of the first factor do.",
        "두 수준의 두 요인({first}: {first_low}, {first_high}; {second}: {second_low}, {second_high})을 비교군 평균의 대비로 "
        "분석하였고, 상호작용을 먼저 보았다. 상호작용의 90% 신뢰구간이 한계 안에 있을 때만 주효과로 답하고, 아니면 첫째 요인의 "
        "단순효과로 답하였다.",
    ),
    "m.dose": (
        "The doses of {name} ({doses}) were analysed by the least-squares slope over arm means with its lack of fit; doses not "
        "told apart from the best were found by comparisons with it (Holm).",
        "{name} 용량({doses})은 비교군 평균의 최소제곱 기울기와 적합 결여로 분석하였고, 최고값과의 비교(Holm)로 "
        "구별되지 않는 용량을 정하였다.",
    ),
    # glossary
    "name.interaction": ("interaction", "상호작용"),
    "def.interaction": (
        "How much the effect of one factor differs between the levels of the other: a difference of differences.",
        "한 요인의 효과가 다른 요인의 수준에 따라 달라지는 정도: 차이의 차이.",
    ),
    "name.simple_effect": ("simple effect, main effect", "단순효과, 주효과"),
    "def.simple_effect": (
        "The effect of a factor at one level of the other; the average of its two simple effects.",
        "다른 요인의 한 수준에서의 효과; 두 단순효과의 평균.",
    ),
    "name.lack_of_fit": ("lack of fit", "적합 결여"),
    "def.lack_of_fit": (
        "How far the means of the doses lie from a straight line, measured by the spread of runs.",
        "용량별 평균이 직선에서 벗어난 정도; 실행의 퍼짐으로 잼.",
    ),
}
