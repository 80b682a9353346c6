"""Captions and notes of figures and tables, English and Korean."""

from __future__ import annotations

from collections.abc import Mapping

CAPTIONS: Mapping[str, tuple[str, str]] = {
    # captions of figures
    "fig.forest": (
        "Primary contrasts{on}, {runs}, {m}. Black: 95% CI (thin) and 90% CI (thick) if we trained again and took new "
        "images. Grey line above: 95% CI for these trained models only. Small circles: one per seed.{band} "
        "Marker: black different, grey equivalent or within the margin, white inconclusive.",
        "주요 비교{on}, {runs}, {m}. 검은 선: 재학습과 새 영상에 대한 95% (가는 선), 90% (굵은 선) 신뢰구간. "
        "위의 회색 선: 이 모델들에 한한 95% 신뢰구간. 작은 원: 시드별 값.{band} "
        "표식: 검정 차이, 회색 동등 또는 한계 안, 흰색 결론 유보.",
    ),
    "fig.forest.on": (", {metric}, {attribution}, {images} images", ", {metric}, {attribution}, 영상 {images}장"),
    "fig.forest.band": (" Grey band: margin ±{margin}.", " 회색 띠: 한계 ±{margin}."),
    "fig.design": (
        "Arms as chains of stages. Heavy outline: what differs from the baseline. "
        "Dashed arrow: stage skipped. Grey: the same for every arm.",
        "단계의 사슬로 나타낸 비교군. 굵은 테두리: 기준선과 다른 단계. 점선 화살표: 건너뛴 단계. 회색: 모든 비교군에 공통.",
    ),
    "fig.flow": ("What was planned, lost and analysed.", "계획, 누락, 분석된 것."),
    "fig.verdict_rule": (
        "How a verdict is reached. Thin: 95% CI. Thick: 90% CI, which decides equivalence. "
        "The rule is part of the protocol.",
        "판정 규칙. 가는 선: 95% 신뢰구간. 굵은 선: 동등을 정하는 90% 신뢰구간. 규칙은 프로토콜의 일부임.",
    ),
    "fig.runs": (
        "One mark per run, {attribution}. Line: mean of the arm. × no run: it did not finish (section 9).",
        "실행마다 표식 하나, {attribution}. 선: 비교군의 평균. × 표시: 완료하지 못한 실행 (9절).",
    ),
    "fig.curves": (
        "Insertion and deletion, {attribution}, {model}, mean of {runs} × {images} images. "
        "Lower row: difference from {reference} on the same images. Band: pointwise 95% CI, {question}. "
        "MoRF: most relevant pixels first. LeRF: least relevant first.",
        "삽입과 삭제, {attribution}, {model}, {runs} × 영상 {images}장의 평균. "
        "아래: 같은 영상에서 {reference} 대비 차이. 띠: 점별 95% 신뢰구간, {question}. "
        "MoRF: 중요도 높은 순. LeRF: 중요도 낮은 순.",
    ),
    "runs.count": ("{n} runs", "실행 {n}회"),
    "runs.one": ("1 run", "실행 1회"),
    "fig.secondary": (
        "Secondary metrics, difference with 95% CI ({question}; {extent}), not adjusted. Values keep their sign; where lower is "
        "better the axis runs the other way, so right is better everywhere. Of {n} intervals, about {missed} would "
        "miss 0 by chance alone.",
        "보조 지표, 차이와 95% 신뢰구간({question}; {extent}; 보정 전). 값의 부호는 그대로이며, 낮을수록 좋은 지표는 축을 뒤집어 모두 오른쪽이 좋음. "
        "신뢰구간 {n}개 중 약 {missed}개는 우연만으로 0을 벗어남.",
    ),
    "fig.estimation": ("{name}, {extent}.{intervals}{band}", "{name}, {extent}.{intervals}{band}"),
    "fig.estimation.ci": (
        " Black: 95% and 90% CI, retraining and new images; grey: 95% CI, these models.",
        " 검은 선: 95%, 90% 신뢰구간(재학습과 새 영상). 회색 선: 95% 신뢰구간(이 모델들).",
    ),
    "fig.estimation.models": (
        " Grey: 95% CI, these trained models and new images.",
        " 회색 선: 95% 신뢰구간(학습된 이 모델들과 새 영상).",
    ),
    "fig.controls": (
        "The same numbers for {metric}. Filled: real arms. Open: controls.",
        "같은 값, {metric}. 채운 표식: 실제 비교군. 빈 표식: 대조.",
    ),
    "fig.checks": (
        "{name}. Left: image differences against a normal distribution. Middle: difference against mean. "
        "Right: the estimate after the first images, in an order made from their ids.",
        "{name}. 왼쪽: 영상별 차이와 정규분포. 가운데: 평균에 대한 차이. 오른쪽: 영상 수에 따른 추정값(식별자로 정한 순서).",
    ),
    "fig.masks": (
        "One film under one mask of every kind: hidden patches are grey. Behind the colon: share of the patches hidden in "
        "the central quarter of the film / elsewhere, over many masks, where the two differ.",
        "한 영상을 종류별 마스크로 가린 예: 가려진 패치는 회색. 쌍점 뒤: 여러 마스크에서 영상 중앙 4분의 1과 그 밖에서 가려진 패치의 비율(서로 다를 때).",
    ),
    "alt.masked": ("a film of {data} under the mask {mask}", "{data}의 영상, 마스크 {mask}"),
    "fig.learning": (
        "Training of every stage, {model}. Line: median over runs. Band: lowest to highest run.",
        "모든 단계의 학습, {model}. 선: 실행의 중앙값. 띠: 최저에서 최고 실행까지.",
    ),
    "alt": ("Figure: {caption}", "그림: {caption}"),
    "alt.radiograph": ("image {image}, radiograph with human box", "영상 {image}, 사람이 그린 상자"),
    "alt.map": ("image {image}, {arm}, {model}: {metric} {value}", "영상 {image}, {arm}, {model}: {metric} {value}"),
    # captions and notes of tables
    "tab.design": ("Held fixed, varied.", "고정한 것과 변화시킨 것."),
    "tab.metrics": (
        "{group}, {attribution}{range}: mean over {images} ± SD over {runs}.",
        "{group}, {attribution}{range}: {images}의 평균 ± {runs}에 걸친 SD.",
    ),
    "tab.metrics.one": (
        "{group}, {attribution}{range}: mean over {images}, one run, no ±.",
        "{group}, {attribution}{range}: {images}의 평균, 실행 1회, ± 없음.",
    ),
    "range.unit": (", 0 to 1", ", 0 ~ 1"),
    "group.agreement": ("Agreement with the human box", "사람이 그린 상자와의 일치성"),
    "group.faithfulness": ("Faithfulness", "충실도"),
    "group.masking": ("ADCC and its parts", "ADCC와 구성 요소"),
    "note.sd": (
        "± is the SD over runs of the mean over images, not a confidence interval.",
        "±는 실행 간 표준편차(영상 평균 기준)이며, 신뢰구간이 아님.",
    ),
    "note.bold": (
        "Bold: the best mean and every arm not shown to differ from it (adjusted p ≥ {alpha}, or not compared).",
        "굵은 글씨: 가장 좋은 평균과, 그와 다르다고 할 수 없는 비교군(보정 p ≥ {alpha} 또는 비교하지 않음).",
    ),
    "note.no_bold": ("Fewer than two runs in an arm: no bold.", "실행이 2회 미만인 비교군이 있어 굵은 글씨 없음."),
    "note.dagger": (
        "† differs from {reference} (adjusted p < {alpha}, {m}; {question}).",
        "† {reference} 대비 차이 있음 (보정 p < {alpha}, {m}; {question}).",
    ),
    "note.short": (
        "± SD over runs. Bold: best, or not shown to differ from it. † differs from the baseline.",
        "± 실행 간 표준편차. 굵은 글씨: 최고값 또는 그와 다르다고 할 수 없음. † 기준선 대비 차이 있음.",
    ),
    "note.arrows": ("↑ higher is better, ↓ lower is better.", "↑ 높을수록 좋음, ↓ 낮을수록 좋음."),
    "note.undefined": ("– undefined or not measured.", "– 정의되지 않거나 측정하지 않음."),
    "note.left_out": (
        "{metrics}, {attribution}, {model}: {n} undefined values{each} ({why}) left out.",
        "{metrics}, {attribution}, {model}: 정의되지 않은 값 {n}개{each} 제외.",
    ),
    "group.runs": ("{model}; {arms}", "{model}; {arms}"),
    "group.arm_runs": ("{arm}: {k} of {n} runs", "{arm}: 실행 {n}회 중 {k}회"),
    "tab.classification": (
        "Classification on the same test images ({images}): mean ± SD over {runs}.",
        "같은 검사 영상의 분류 성능({images}): {runs}에 걸친 평균 ± SD.",
    ),
    "note.classification": (
        "{metrics}. ± is the SD over runs. Small print: under an arm its stages before fine-tuning, under the first "
        "value the lowest to highest run. Shown so that a map of a model that fails is recognised.",
        "{metrics}. ±는 실행 간 표준편차. 작은 글씨: 비교군 아래는 미세조정 이전 단계, 첫 번째 값 아래는 최저 ~ 최고 실행. "
        "분류에 실패한 모델의 맵을 가려내기 위함.",
    ),
    "tab.primary": (
        "Primary contrasts{on}, {extent}. One family, {m}, {adjustment}.",
        "주요 비교{on}, {extent}. 한 검정군, {m}, {adjustment}.",
    ),
    "note.primary": (
        "CI: {question}. Images better: share of images on which the first arm is better, ties half. "
        "Unadjusted p, df, effect sizes, 90% CI and the equivalence test are in contrasts.csv. "
        "A bound that would round onto a threshold is printed with more digits.",
        "신뢰구간: {question}. 좋아진 영상: 앞 비교군이 더 좋은 영상의 비율(동점은 절반). "
        "보정 전 p, 자유도, 효과 크기, 90% 신뢰구간, 동등성 검정은 contrasts.csv 참조. "
        "반올림하면 기준값과 같아지는 한계는 자릿수를 늘려 표기함.",
    ),
    "tab.chance": (
        "Does the answer depend on what counts as chance? 95% CI of the same difference for three questions, {extent}.",
        "무엇을 우연으로 보는가에 따라 답이 달라지는가? 같은 차이의 95% 신뢰구간, 세 가지 질문, {extent}.",
    ),
    "note.chance": ("First column of intervals: used for every verdict.", "첫 번째 신뢰구간: 모든 판정에 사용."),
    "note.chance.one": (
        "One run per arm: the verdict rests on the interval for these models.",
        "비교군당 실행 1회: 판정은 이 모델들의 신뢰구간에 따름.",
    ),
    "tab.secondary": (
        "Secondary contrasts: description, no verdict. {adjustment} within each family, {m}; 95% CI not adjusted, "
        "{question}; {extent}.",
        "보조 비교: 기술적 결과이며 판정 없음. 검정군별 {adjustment}, {m}; 95% 신뢰구간은 보정 전, {question}; {extent}.",
    ),
    "tab.exploratory": (
        "Exploratory contrasts, not declared in the protocol: unadjusted, no verdict. 95% CI and p: {question}; {extent}.",
        "탐색적 비교, 프로토콜에 선언되지 않음: 보정 없음, 판정 없음. 95% 신뢰구간과 p: {question}; {extent}.",
    ),
    "tab.controls": ("Controls beside real arms, {model}.", "대조와 실제 비교군, {model}."),
    "note.controls": (
        "Controls are maps that know nothing of the model; each value is a mean over images and runs.",
        "대조는 모델과 무관한 맵이며, 값은 영상과 실행의 평균임.",
    ),
    "controls.on": ("Controls, models of {arm}", "대조, {arm} 모델"),
    "controls.row": ("{control}, {arm}", "{control}, {arm}"),
    "controls.none": (
        "The protocol names no control map. What a value means in itself cannot be judged from this report.",
        "프로토콜에 대조 맵이 없음. 값 자체의 의미는 이 보고서로 판단할 수 없음.",
    ),
    "controls.minus": (
        "{model}, {metric}: {arm} {value}, centre prior {centre}, {arm} minus centre prior {difference}.",
        "{model}, {metric}: {arm} {value}, 중앙 사전 맵 {centre}, {arm} − 중앙 사전 맵 {difference}.",
    ),
    "controls.above": (
        "{model}, {metric}: {k} of {n} arms score better than the random map ({value}).",
        "{model}, {metric}: 비교군 {n}개 중 {k}개의 값이 무작위 맵({value})보다 좋음.",
    ),
    "controls.reading": ("Reading.", "해석."),
    "tab.checks": ("Automatic checks.", "자동 점검."),
    "tab.missing": ("Runs that are missing or diverged.", "누락되거나 발산한 실행."),
    "missing.none": ("Every planned run finished; none diverged.", "계획한 모든 실행이 완료됨; 발산 없음."),
    "missing.no": ("no: not part of a primary contrast", "아니오: 주요 비교에 쓰이지 않음"),
    "missing.maybe": ("open: {names} with {k} of {n} runs", "알 수 없음: {names}, 실행 {n}회 중 {k}회"),
    "missing.used": ("used as it is: {names}", "그대로 사용함: {names}"),
    "tab.deviations": ("Changes after the lock.", "확정 이후의 변경."),
    "deviations.none": ("The protocol was not changed after it was locked.", "확정 이후 프로토콜 변경 없음."),
    "tab.quarantined": ("Films that could not be used.", "사용하지 못한 영상."),
    "quarantined.none": ("No film was left out as unreadable.", "읽지 못해 제외한 영상 없음."),
    "notes.none": ("The statistics raised no note.", "통계 분석의 주석 없음."),
    "notes.more": ("{n} more notes: see results.json.", "주석 {n}건 더 있음: results.json 참조."),
    "notes.names": ("{names} and {n} more", "{names} 외 {n}건"),
    "warning.glyphs": (
        "Characters outside the report’s font are drawn as □ in the PDF: {characters}.",
        "글꼴에 없는 글자는 PDF에서 □ 표시로 바뀜: {characters}.",
    ),
    "warning.pages": ("The PDF has {n} pages.", "PDF 쪽수: {n}."),
    "warnings.none": ("No warning was raised.", "경고 없음."),
    "warning.notes_words": (
        "Hand-written notes contain words that this report avoids: {words}.",
        "직접 쓴 메모에 이 보고서가 피하는 표현이 있음: {words}.",
    ),
    "exploratory.label": ("Exploratory:", "탐색적:"),
    # what every p, interval and ± carries
    "extent.recipe": ("retraining and new images", "재학습과 새 영상"),
    "extent.models": ("these trained models and new images", "학습된 이 모델들과 새 영상"),
    "extent.mixed": (
        "retraining and new images; with one run of an arm, these trained models and new images",
        "재학습과 새 영상; 실행이 1회인 비교군이 있으면 학습된 이 모델들과 새 영상",
    ),
    "extent.pair": ("{a} + {b} runs", "실행 {a} + {b}회"),
    "extent.runs": ("{n} runs per arm", "비교군당 실행 {n}회"),
    "extent.run": ("one run per arm", "비교군당 실행 1회"),
    "extent.images": ("{n} images", "영상 {n}장"),
    "extent.patients": ("{n} images of {g} patients", "환자 {g}명의 영상 {n}장"),
    "extent.family": ("{m} ({family})", "{m} ({family})"),
}
