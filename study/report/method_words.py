"""Words for comparing attribution methods, layers, models that judge and whole runs, English and Korean."""

from __future__ import annotations

from collections.abc import Mapping

METHOD_WORDS: Mapping[str, tuple[str, str]] = {
    # headings
    "s5.ranks": ("Attribution methods", "기여도 방법 비교"),
    "s5.ranks.short": ("Methods compared", "방법 비교"),
    "h.ranks": ("Attribution methods", "기여도 방법 비교"),
    "h.layers": ("By depth of the layer", "층 깊이별"),
    "h.cross": ("Maps judged by the models of other arms", "다른 비교군의 모델로 평가한 맵"),
    "h.sanity": ("Sanity checks", "건전성 점검"),
    "h.concepts": ("Concepts that units detect", "유닛이 찾는 개념"),
    # counts of page 1, heads and cells of tables
    "count.maps": ("attribution methods + controls", "기여도 방법 + 대조 맵"),
    "count.metrics": ("metrics of maps", "맵 지표"),
    "col.method": ("Method", "방법"),
    "col.layer": ("layer {layer}", "층 {layer}"),
    "col.above": ("above {controls}, of {n}", "{controls} 초과, {n}개 중"),
    "short.control_center": ("centre", "중앙"),
    "short.control_random": ("random", "무작위"),
    "col.judges": ("Models that judge", "평가하는 모델"),
    "col.maps_of": ("Maps of", "맵을 만든 비교군"),
    "value.control": ("control", "대조"),
    "value.maps": (
        "attribution methods: {attributions}, controls: {controls}; arms: {arms}, models: {models}, seeds: {seeds}",
        "기여도 방법 {attributions}개, 대조 맵 {controls}개; 비교군 {arms}개, 모델 {models}개, 시드 {seeds}개",
    ),
    "cell.random": ("random {value}", "무작위 {value}"),
    "cell.gap": ("gap {value}", "차이 {value}"),
    "attributions.count": ("{n} attributions", "기여도 {n}종"),
    # tables of metrics
    "group.sanity": ("Sanity checks", "건전성 점검"),
    "group.masking.other": ("Masked images and shape of the map", "가린 영상과 맵의 모양"),
    "note.raw": (
        "Small print: what a random order of pixels scores on the same models. A raw curve also tells how well a "
        "model bears occlusion, so raw curves must not be compared between models. The normalised gap takes out where the "
        "curve starts and ends, not how it falls; scores by the models of other arms (cross_…) take out both.",
        "작은 글씨: 같은 모델에서 무작위 순서의 값. 곡선 값에는 가림에 대한 모델의 내성도 들어 있으므로 모델 간에 비교해서는 "
        "안 됨. 정규화한 차이는 곡선의 양 끝만 맞추며, 다른 군의 모델이 매긴 점수(cross_…)는 둘 다 없앰.",
    ),
    "note.raw.rows": (
        "A raw curve also tells how well a model bears occlusion, so raw curves must not be compared between models. "
        "The normalised gap takes out where the curve starts and ends, not how it falls; scores by the models of other "
        "arms (cross_…) take out both.",
        "곡선 값에는 가림에 대한 모델의 내성도 들어 있으므로 모델 간에 비교해서는 안 됨. "
        "정규화한 차이는 곡선의 양 끝만 맞추며, 다른 군의 모델이 매긴 점수(cross_…)는 둘 다 없앰.",
    ),
    "note.raw.gap": (
        "Small print: the normalised gap of the same map. A raw curve also tells how well a model bears occlusion, so "
        "raw curves must not be compared between models. The normalised gap takes out where the curve starts and ends, "
        "not how it falls; scores by the models of other arms (cross_…) take out both.",
        "작은 글씨: 같은 맵의 정규화한 차이. 곡선 값에는 가림에 대한 모델의 내성도 들어 있으므로 모델 간에 비교해서는 "
        "안 됨. 정규화한 차이는 곡선의 양 끝만 맞추며, 다른 군의 모델이 매긴 점수(cross_…)는 둘 다 없앰.",
    ),
    "note.raw.alone": (
        "A raw curve also tells how well a model bears occlusion, and no random order was measured: these values must "
        "not be compared between models.",
        "곡선 값에는 가림에 대한 모델의 내성도 들어 있으나 무작위 순서를 측정하지 않음: 모델 간에 비교해서는 안 됨.",
    ),
    "note.bold.ranks": (
        "Bold: the best average rank and every map not told apart from it (critical difference at level {alpha}, "
        "section 5).",
        "굵은 글씨: 평균 순위가 가장 좋은 맵과 그와 구별되지 않는 맵 (수준 {alpha} 임계차, 5절).",
    ),
    "note.open": ("○ control.", "○ 대조."),
    "note.left_out.many": (
        "{metrics}: {n} undefined values{each} in {maps} ({why}) left out.",
        "{metrics}: {maps}에서 정의되지 않은 값 {n}개{each} 제외.",
    ),
    "note.left_out.each": (" each", "씩"),
    "maps.one": ("one map", "맵 1종"),
    "maps.count": ("{n} maps", "맵 {n}종"),
    "tab.controls.maps": (
        "Controls beside the method that ranks first, {model}.",
        "대조와 순위가 가장 높은 방법, {model}.",
    ),
    # ranks
    "tab.ranks": (
        "Average ranks of the maps over {images} (patients, where one has several), {arm}, {runs}; 1 = best.",
        "{images}(한 환자에 여러 장이면 환자)에 걸친 맵의 평균 순위, {arm}, {runs}; 1 = 가장 좋음.",
    ),
    "note.ranks": (
        "Bold: the best and every map not told apart from it (average ranks closer than Nemenyi’s critical difference "
        "at level {alpha}). ○ control. Last column: number of metrics on which the method outranks the centre "
        "prior, the random map, by the critical difference or more.",
        "굵은 글씨: 가장 좋은 맵과 그와 구별되지 않는 맵 (평균 순위의 차이가 수준 {alpha} Nemenyi 임계차보다 작음). ○ 대조. "
        "마지막 열: 중앙 사전 맵, 무작위 맵보다 임계차 이상으로 앞선 지표의 수.",
    ),
    "note.ranks.short": (
        "Bold: best, or closer to it than the critical difference at level {alpha}. ○ control.",
        "굵은 글씨: 가장 좋거나 수준 {alpha} 임계차 안. ○ 대조.",
    ),
    "note.cd": (
        "Critical differences for these trained models (Friedman’s p, not adjusted): {list}.",
        "학습된 이 모델들에 대한 임계차(Friedman p, 보정 전): {list}.",
    ),
    "fig.ranks": (
        "Average ranks, {what}, these trained models, {runs}. Blocks: {n} test images (patients, where a patient has several). Bars join maps whose "
        "ranks differ by less than the critical difference {cd} (Nemenyi, level {alpha}; Friedman p {p}). Semibold: "
        "not told apart from the best. Open marks and grey names: controls.",
        "평균 순위, {what}, 학습된 이 모델들, {runs}. 블록: 검사 영상 {n}장(한 환자에 여러 장이면 환자). 막대: 순위 차이가 임계차 {cd}보다 작은 맵들 "
        "(Nemenyi, 수준 {alpha}; Friedman p {p}). 굵은 이름: 가장 좋은 맵과 구별되지 않음. 빈 표식과 회색 이름: 대조.",
    ),
    "ranks.first": (
        "{first} ranks first for {model}, apart from every other map.",
        "{model}: 1위 {first}, 나머지와 구별됨.",
    ),
    "ranks.first.with": (
        "{first} ranks first for {model}; not told apart from it: {others}.",
        "{model}: 1위 {first}; 구별되지 않음: {others}.",
    ),
    "ranks.open": (
        "Inconclusive for {model}: chance alone could order {n} maps like this.",
        "{model}: 결론 유보, 우연만으로도 맵 {n}개의 순서가 이렇게 나올 수 있음.",
    ),
    "ranks.control": ("{name} (control)", "{name} (대조)"),
    "ranks.first.control": ("A control, {name},", "대조({name})"),
    "ranks.one": ("{name} {rank} (mean {mean})", "{name} {rank} (평균 {mean})"),
    "ranks.line": (
        "{model}, average rank of {n} maps over {blocks} blocks: {list}.",
        "{model}, 맵 {n}개의 블록 {blocks}개 평균 순위: {list}.",
    ),
    "ranks.line.test": (
        "Critical difference {cd}; Friedman p {p}; these trained models, {runs}.",
        "임계차 {cd}; Friedman p {p}; 학습된 이 모델들, {runs}.",
    ),
    "ranks.above": (
        "{model}, {metric}: methods above {list} (by {cd} ranks or more).",
        "{model}, {metric}: 대조보다 앞선 방법: {list} (순위 차 {cd} 이상).",
    ),
    "ranks.above.short": (
        "Methods above {list} (by {cd} ranks or more).",
        "대조보다 앞선 방법: {list} (순위 차 {cd} 이상).",
    ),
    "ranks.above.one": ("the {control}: {k} of {n}", "{control} {n}개 중 {k}개"),
    "more.ranks": ("Average ranks and critical differences: section 5.", "평균 순위와 임계차: 5절."),
    "quote.ranks": (
        "A rank says which map one metric prefers among those listed, not which map is right.",
        "순위는 나열된 맵 가운데 한 지표가 더 좋게 보는 것을 말할 뿐, 어느 맵이 옳은지를 말하지 않음.",
    ),
    "changed.first_rank": (
        "{metric}, {model}: first rank {before} → {after}.",
        "{metric}, {model}: 1위 {before} → {after}.",
    ),
    "changed.ranks": ("{metric}, {model}: average ranks moved.", "{metric}, {model}: 평균 순위가 바뀜."),
    "changed.none_first": ("No first rank changed since report {number}.", "보고서 {number} 이후 바뀐 1위 없음."),
    # what the design can say, methods paragraph
    "scope.one": (
        "It can say in which order these metrics put these maps, for these trained models and these test images. It "
        "cannot say which map is right, why, or whether the order holds after retraining, in other hospitals, other "
        "body parts or other models.",
        "이 학습된 모델과 이 검사 영상에서 이 지표들이 맵에 매기는 순서를 말할 수 있음. "
        "어느 맵이 옳은지, 그 이유, 재학습 후나 다른 병원·부위·모델에서도 같은지는 말할 수 없음.",
    ),
    "scope.one.fixed": (
        "There is one arm, so no training recipes are compared and no contrast is tested.",
        "비교군이 하나이므로 학습 방법을 비교하지 않으며, 검정한 비교도 없음.",
    ),
    "scope.can.ranks": (
        "It can say whether, with this data, these recipes and this test set, swapping stages changes the metrics, and "
        "in which order a metric puts the maps of these trained models. It cannot say why, which map is right, and "
        "cannot speak for other hospitals, other body parts or other models.",
        "이 데이터, 이 학습 방법, 이 검사 영상에서 단계를 바꾸면 지표가 달라지는지, 그리고 학습된 이 모델들의 맵에 지표가 매기는 "
        "순서를 말할 수 있음. 이유, 어느 맵이 옳은지, 다른 병원·부위·모델에 대해서는 말할 수 없음.",
    ),
    "left_out.5": ("5 (nothing to compare)", "5 (비교할 것 없음)"),
    "list.effect.ranks": ("ranks with a critical difference: 1, 5", "순위와 임계차: 1, 5"),
    "m.one_arm": (
        "We trained one arm ({arm}) in {models}.",
        "비교군 하나({arm})를 다음 모델에서 학습하였다: {models}.",
    ),
    "m.one_run.alone": (
        "The model was trained once, so every number is about this trained model.",
        "한 번 학습하였으므로 모든 값은 학습된 이 모델에 관한 것이다.",
    ),
    "m.ranks": (
        "Each of {n} metrics ranked the maps, controls included, within every test image (patient, where a patient has "
        "several), after averaging over runs. Friedman’s test asked whether the ranks differ; maps whose average ranks "
        "differ by less than Nemenyi’s critical difference at level {alpha} are not told apart (Demšar 2006). These p "
        "are not adjusted over metrics.",
        "지표 {n}개가 각각 실행 평균을 구한 뒤 검사 영상(한 환자에 여러 장이면 환자)마다 대조를 포함한 맵의 순위를 매겼다. "
        "순위의 차이는 Friedman 검정으로 보았고, 평균 순위의 차이가 수준 {alpha} Nemenyi 임계차보다 작은 맵은 구별하지 않았다"
        "(Demšar 2006). 이 p 값은 지표에 걸쳐 보정하지 않았다.",
    ),
    # layers, other models, concepts, classification
    "tab.layers": (
        "{metric} at several depths: mean over {images} ± SD over {runs}, layers from shallow to deep.",
        "{metric}, 층 깊이별: {images}의 평균 ± {runs}에 걸친 SD, 얕은 층에서 깊은 층으로.",
    ),
    "tab.layers.one": (
        "{metric} at several depths: one run, no ±, layers from shallow to deep.",
        "{metric}, 층 깊이별: 실행 1회, ± 없음, 얕은 층에서 깊은 층으로.",
    ),
    "note.layers": (
        "Layer numbers as in the protocol, 1 = nearest the input. – not asked for, or undefined.",
        "층 번호는 프로토콜과 같으며, 1이 입력에 가장 가까움. – 요청하지 않았거나 정의되지 않음.",
    ),
    "tab.cross": (
        "{metric}, maps of one arm on the models of another, same seed: mean over {images} ± SD over {runs}.",
        "{metric}, 한 비교군의 맵을 다른 비교군의 같은 시드 모델로 평가: {images}의 평균 ± {runs}에 걸친 SD.",
    ),
    "tab.cross.one": (
        "{metric}, maps of one arm on the models of another, same seed: one run, no ±.",
        "{metric}, 한 비교군의 맵을 다른 비교군의 같은 시드 모델로 평가: 실행 1회, ± 없음.",
    ),
    "note.cross": (
        "In brackets: maps on the models they were made on. Within a column every map is judged by the same models, so "
        "how well these bear occlusion cancels; across a row it does not.",
        "괄호: 맵을 만든 모델 자신으로 평가한 값. 한 열에서는 모든 맵을 같은 모델이 평가하므로 가림에 대한 내성이 상쇄되며, "
        "한 행에서는 그렇지 않음.",
    ),
    "tab.concepts": (
        "Network dissection: distinct concepts, and units that detect one; one count per run, mean ± SD over {runs}.",
        "네트워크 해부: 서로 다른 개념의 수와 개념을 찾는 유닛의 수, 실행마다 하나, {runs}에 걸친 평균 ± SD.",
    ),
    "tab.concepts.one": (
        "Network dissection: distinct concepts, and units that detect one.",
        "네트워크 해부: 서로 다른 개념의 수와 개념을 찾는 유닛의 수.",
    ),
    "note.concepts": (
        "Counts depend on the set of concepts and on the number of units of a layer: compare arms within a column.",
        "값은 개념의 목록과 층의 유닛 수에 달려 있음: 한 열 안에서 비교군을 비교할 것.",
    ),
    "tab.per_class": (
        "AUC{unit} of each class against the rest: {images}, mean ± SD over {runs}.",
        "클래스별 AUC{unit}, 나머지 클래스 대비: {images}, {runs}에 걸친 평균 ± SD.",
    ),
    "tab.per_class.one": (
        "AUC{unit} of each class against the rest, one run.",
        "클래스별 AUC{unit}, 나머지 클래스 대비, 실행 1회.",
    ),
    "note.per_class": (
        "Their unweighted mean is the AUC of the table above.",
        "이 값들의 단순 평균이 위 표의 AUC임.",
    ),
    "tab.per_class.several": (
        "AUC{unit} of each finding: {images}, mean ± SD over {runs}.",
        "소견별 AUC{unit}: {images}, {runs}에 걸친 평균 ± SD.",
    ),
    "tab.per_class.one.several": ("AUC{unit} of each finding, one run.", "소견별 AUC{unit}, 실행 1회."),
    "tab.balance": ("Films with each finding ({name}).", "소견별 필름 수 ({name})."),
    "note.balance": (
        "A film counts for every finding it has. A finding that all films of a split have, or none, has no AUC there.",
        "필름은 가진 소견마다 셈. 한 분할의 모든 필름에 있거나 없는 소견은 그 분할에서 AUC가 없음.",
    ),
    "note.balance.explained": (
        "Maps explain the {k} of {n} test films that have a finding; {boxes} of these have boxes of it.",
        "맵은 검사 필름 {n}장 중 소견이 있는 {k}장을 설명함; 그중 {boxes}장에 해당 소견의 박스가 있음.",
    ),
    "row.no_finding": ("none of these", "해당 소견 없음"),
    "row.all_films": ("all films", "모든 필름"),
    "col.finding_name": ("Finding", "소견"),
    "note.per_class.several": (
        "n: test images with the finding. The AUC of the table above is their unweighted mean over findings that at "
        "least two test images have and two lack.",
        "n: 소견이 있는 검사 영상 수. 위 표의 AUC는 있는 영상과 없는 영상이 각각 둘 이상인 소견의 단순 평균임.",
    ),
    "note.per_class.undefined": (
        "No AUC, as all test images have the finding or none does: {names}.",
        "검사 영상 모두에 있거나 모두에 없어 AUC가 없는 소견: {names}.",
    ),
    "col.finding": ("{name} (n = {n})", "{name} (n = {n})"),
    "tab.classification.one": (
        "Classification on the same test images, one run.",
        "같은 검사 영상의 분류 성능, 실행 1회.",
    ),
    "note.classification.one": (
        "{metrics}. Small print under an arm: stages before fine-tuning. Shown so that a map of a model that fails is "
        "recognised.",
        "{metrics}. 비교군 아래: 미세조정 이전 단계. 분류에 실패한 모델의 맵을 가려내기 위함.",
    ),
    # the gallery of methods
    "h.methods_gallery": ("One film under every method", "한 영상, 모든 방법의 맵"),
    "s8.methods": (
        "Films are chosen by rule, not by eye: of the first finished run of each model{arm}, the film of whose label it "
        "is surest, the median film and the film it is least sure of. Maps explain the {target}. Dashed frame: human "
        "box. Lines: 50% and 80% of the map’s maximum. One colour scale per map; a flat map leaves the film as it is. "
        "○ control.",
        "영상은 눈이 아니라 규칙으로 선택함: 모델마다 처음 완료한 실행{arm}에서 정답의 확률이 가장 높은 영상, 중앙값인 영상, "
        "가장 낮은 영상. 맵이 설명하는 클래스: {target}. 점선 상자: 사람이 그린 상자. 선: 맵 최댓값의 50%, 80%. "
        "색은 맵마다 따로 정하며, 값이 고른 맵은 칠하지 않음. ○ 대조.",
    ),
    "rule.surest.film": ("the surest film", "확률이 가장 높은 영상"),
    "rule.median.film": ("the median film", "확률이 중앙값인 영상"),
    "rule.least_sure.film": ("the least sure film", "확률이 가장 낮은 영상"),
    "rule.boxed": ("{rule} with a human box", "사람이 그린 상자가 있는 영상 중 {rule}"),
    "fig.methods": (
        "Film {image}, label {label}, under every map of the run {run}. Probability of its label {probability}: {rule}.",
        "영상 {image}, 정답 {label}, 실행 {run}, 모든 맵. 정답의 확률 {probability}: {rule}.",
    ),
    "alt.film": ("image {image}, radiograph", "영상 {image}"),
    "alt.method": ("image {image}, {map}, {run}", "영상 {image}, {map}, {run}"),
    "more.sheets": (
        "{n} more films under every map: see report.html.",
        "모든 맵을 보인 영상 {n}장 더 있음: report.html 참조.",
    ),
    "more.sheets.left": (
        "{n} more films under every map are left out here; they are listed in results.json.",
        "모든 맵을 보인 영상 {n}장은 생략됨; 목록은 results.json 참조.",
    ),
    # figures
    "fig.design.one": ("The arm as a chain of stages.", "단계의 사슬로 나타낸 비교군."),
    "fig.curves.one": (
        "Insertion and deletion, {attribution}, {model}, mean of {runs} × {images} images of {reference}. "
        "MoRF: most relevant pixels first. LeRF: least relevant first.",
        "삽입과 삭제, {attribution}, {model}, {reference}, {runs} × 영상 {images}장의 평균. "
        "MoRF: 중요도 높은 순. LeRF: 중요도 낮은 순.",
    ),
}
