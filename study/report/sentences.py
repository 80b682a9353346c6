"""Sentences of the report, English and Korean: results, checks, methods, what may be said."""

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, tuple[str, str]] = {
    # results (page 1)
    "result": (
        "{model}: {metric} {control} → {treatment}, Δ = {estimate} (95% CI {interval}; {p_name} {p}{m}; retraining and "
        "new images; {extent}).",
        "{model}: {metric} {control} → {treatment}, 차이 {estimate} (95% 신뢰구간 {interval}, {p_name} {p}{m}; "
        "재학습과 새 영상; {extent}).",
    ),
    "result.models": (
        "{model}: {metric} {control} → {treatment}, Δ = {estimate} (95% CI for these models {interval}; {p_name} {p}{m}; "
        "new images; {extent}).",
        "{model}: {metric} {control} → {treatment}, 차이 {estimate} (이 모델들의 95% 신뢰구간 {interval}, {p_name} {p}{m}; "
        "새 영상; {extent}).",
    ),
    "result.none": ("{model}: {reason}", "{model}: {reason}"),
    "remark.both": (
        "The interval contains both 0 and the margin.",
        "신뢰구간에 0과 한계값이 모두 들어 있음.",
    ),
    "remark.zero": ("The interval contains 0.", "신뢰구간에 0이 들어 있음."),
    "remark.short_of_equivalence": (
        "The difference is not shown to be inside ±{margin} (90% CI {interval}).",
        "차이가 ±{margin} 안에 있다고 할 수 없음 (90% 신뢰구간 {interval}).",
    ),
    "remark.adjusted": (
        "The 95% CI excludes 0, but not after adjustment for {m} tests.",
        "95% 신뢰구간에 0이 없으나, 검정 {m}건 보정 후에는 결론을 유보함.",
    ),
    "remark.above": ("The whole interval lies above the margin.", "신뢰구간 전체가 한계값보다 큼."),
    "remark.below": ("The whole interval lies below the negative margin.", "신뢰구간 전체가 음의 한계값보다 작음."),
    "remark.inside": (
        "The difference is inside ±{margin} (90% CI {interval}).",
        "차이가 ±{margin} 안에 있음 (90% 신뢰구간 {interval}).",
    ),
    "remark.models": (
        "These trained models differ; whether retraining would repeat it is open.",
        "학습된 모델들 사이의 차이이며, 재학습 시 재현 여부는 알 수 없음.",
    ),
    "remark.models_open": (
        "One run per arm: nothing can be said about retraining.",
        "비교군당 실행 1회: 재학습에 대해서는 알 수 없음.",
    ),
    "remark.runs": ("{arm}: {k} of {n} runs.", "{arm}: 실행 {n}회 중 {k}회."),
    "missing": (
        "{k} of {n} runs; {arm}, {model}, seed {seed}: {reason}.",
        "실행 {n}회 중 {k}회; {arm}, {model}, 시드 {seed}: {reason}.",
    ),
    "interval": ("{low} to {high}", "{low} ~ {high}"),
    "m.tests": ("m = {m}", "m = {m}"),
    "headline.for": ("{head} for {models}{tail}.", "{models}: {head}{tail}."),
    "headline.both": ("{head} in both models{tail}.", "두 모델 모두 {head}{tail}."),
    "headline.every": ("{head} in {k} of {n} models{tail}.", "모델 {n}개 중 {k}개에서 {head}{tail}."),
    "headline.pair": ("{pair}: {headline}", "{pair}: {headline}"),
    "pair": ("{treatment} − {control}", "{treatment} − {control}"),
    "and": (" and ", ", "),
    # when lists are cut
    "more.questions": (
        "{n} more primary contrasts: see the table in section 5.",
        "주요 비교 {n}건이 더 있음: 5절의 표 참조.",
    ),
    "more.details": (
        "Means, intervals and adjusted p of every primary contrast: section 5.",
        "모든 주요 비교의 평균, 신뢰구간, 보정 p: 5절.",
    ),
    "more.list": ("{n} more: see section 9.", "{n}건 더 있음: 9절 참조."),
    "more.tables": ("More tables ({n}): see report.html.", "표 {n}개 더 있음: report.html 참조."),
    "more.effects": ("Effect sizes with their intervals: see report.html.", "효과 크기와 구간: report.html 참조."),
    "more.omnibus": (
        "All arms compared at once (context, never a gate): see report.html.",
        "모든 비교군의 동시 비교 (맥락용, 관문 아님): report.html 참조.",
    ),
    "more.file": ("{n} more rows: see {file}.", "{n}행 더 있음: {file} 참조."),
    "more.figures": ("More figures ({n}): see report.html.", "그림 {n}개 더 있음: report.html 참조."),
    "more.controls": (
        "Means over images and runs. Controls on the other arms’ models: report.html.",
        "영상과 실행의 평균. 다른 비교군 모델의 대조 맵: report.html 참조.",
    ),
    "more.gallery": (
        "Of every rule the first image; the others are in report.html.",
        "규칙마다 첫 영상만 실음. 나머지는 report.html 참조.",
    ),
    "more.thumbnails": (
        "{n} more images of the gallery are left out here; they are listed in results.json.",
        "갤러리 영상 {n}개는 생략됨; 목록은 results.json 참조.",
    ),
    # read before quoting
    "quote.inconclusive": (
        "Inconclusive says neither that something changed nor that nothing did: the interval allows both.",
        "결론 유보는 변화가 있다는 뜻도 없다는 뜻도 아님: 신뢰구간이 둘 다 허용함.",
    ),
    "quote.population": (
        "One data set ({name}), {images} test images. No claim beyond films of this kind.",
        "데이터 하나({name}), 검사 영상 {images}장. 이와 같은 영상 밖으로는 주장하지 않음.",
    ),
    "quote.centre": (
        "{model}: a fixed centre map scores {metric} {centre}. {arm} minus centre map: {difference} (section 7).",
        "{model}: 중앙 사전 맵의 {metric} 값은 {centre}. {arm} − 중앙 사전 맵: {difference} (7절).",
    ),
    "quote.agreement": (
        "{metric} says where an attribution lies, not that the model reasons as a reader does.",
        "{metric} 값은 기여도의 위치를 말할 뿐, 모델이 판독자처럼 판단한다는 뜻이 아님.",
    ),
    "quote.faithfulness": (
        "{metric} describes an attribution of a model by one measure; other measures may disagree (section 4).",
        "{metric} 값은 한 가지 측정에 따른 기여도의 성질이며, 다른 지표와 다를 수 있음 (4절).",
    ),
    "quote.one_run": (
        "One run per arm: every statement is about these trained models, not about the recipe.",
        "비교군당 실행 1회: 모든 결과는 학습된 이 모델들에 관한 것이며, 학습 방법에 관한 것이 아님.",
    ),
    "quote.few_runs": (
        "{n} runs per arm or fewer: intervals for retraining rest on few degrees of freedom.",
        "비교군당 실행 {n}회 이하: 재학습 신뢰구간의 자유도가 작음.",
    ),
    "quote.no_margin": (
        "No margin was declared, so “no difference” cannot be concluded.",
        "한계를 선언하지 않았으므로 “차이 없음”이라는 결론은 낼 수 없음.",
    ),
    "quote.later": (
        "A margin was set after runs had finished; verdicts that use it say so.",
        "한계를 실행 완료 이후에 정함; 해당 판정에 표시함.",
    ),
    "quote.missing": (
        "{k} of {n} planned runs finished. Complete: {arms} (section 9).",
        "계획한 실행 {n}회 중 {k}회 완료. 완료 현황: {arms} (9절).",
    ),
    "missing.arm": ("{arm} {k} of {n} ({why})", "{arm} {n}회 중 {k}회 ({why})"),
    "missing.why": ("seed {seeds}: {why}", "시드 {seeds}: {why}"),
    "missing.others": ("for other reasons: {n}", "다른 이유: {n}회"),
    "missing.more": ("more arms: {n}", "그 밖의 비교군: {n}개"),
    "quote.gathered": (
        "All runs that failed ({n}) are of {arm}: what broke them may have shaped those that finished.",
        "실패한 실행({n}회)이 모두 한 비교군({arm})에 속함: 실패의 원인이 완료된 실행에도 영향을 주었을 수 있음.",
    ),
    "quote.deviations": (
        "Changes of the protocol after it was locked: {n} (section 9).",
        "프로토콜 확정 이후 변경 {n}건 (9절).",
    ),
    "quote.conditional": (
        "An arm rests on a single pretraining run; its luck is not in the intervals (section 9).",
        "사전학습 실행이 하나뿐인 비교군이 있음; 그 우연은 신뢰구간에 들어 있지 않음 (9절).",
    ),
    "quote.untested": (
        "{n} of {total} primary contrasts could not be tested (section 9).",
        "주요 비교 {total}건 중 {n}건은 검정하지 못함 (9절).",
    ),
    # changed since
    "changed.first": ("This is the first report of this study.", "이 연구의 첫 보고서임."),
    "changed.nothing": ("Nothing changed since report {number}.", "보고서 {number} 이후 바뀐 점 없음."),
    "changed.none_verdict": ("No verdict changed since report {number}.", "보고서 {number} 이후 바뀐 판정 없음."),
    "changed.verdict": ("{name}: verdict {before} → {after}.", "{name}: 판정 {before} → {after}."),
    "changed.estimate": ("{name}: Δ {before} → {after}.", "{name}: 차이 {before} → {after}."),
    "changed.images": ("{name}: {before} → {after} images.", "{name}: 영상 {before} → {after}장."),
    "changed.runs": ("Runs finished: {before} → {after}.", "완료한 실행: {before} → {after}."),
    "changed.version": (
        "{metric} is computed by version {after} (before: {before}); its numbers are new throughout.",
        "{metric}: 계산 버전 {after} (이전: {before}); 모든 값이 새로 계산됨.",
    ),
    "changed.added": ("{name}: new contrast.", "{name}: 새 비교."),
    "changed.removed": ("{name}: no longer in the protocol.", "{name}: 프로토콜에서 빠짐."),
    # automatic checks
    "check.runs": ("Planned runs that finished", "계획한 실행의 완료"),
    "check.runs.ok": ("every arm has its runs", "모든 비교군의 실행이 갖춰짐"),
    "check.runs.part": (
        "arms have unequal numbers of runs; nothing was filled in",
        "비교군마다 실행 수가 다름; 채워 넣지 않음",
    ),
    "check.images": ("Same test images in all runs", "모든 실행에서 같은 검사 영상"),
    "check.images.ok": ("pairing by image is valid", "영상별 쌍 비교가 타당함"),
    "check.images.part": ("runs differ in the images they could score", "실행마다 값을 구한 영상이 다름"),
    "check.images.result": ("{low} to {high} images", "영상 {low} ~ {high}장"),
    "check.images.same": ("{n} images", "영상 {n}장"),
    "check.undefined": ("Undefined values", "정의되지 않은 값"),
    "check.undefined.ok": ("no image was lost", "빠진 영상 없음"),
    "check.undefined.part": ("counted and left out; see the notes of the tables", "세어서 제외함; 표의 주석 참조"),
    "check.few": ("Number of runs per arm", "비교군당 실행 수"),
    "check.few.ok": ("retraining is judged from {n} runs or more", "실행 {n}회 이상으로 재학습을 판단"),
    "check.few.part": ("few runs: wide intervals for retraining", "실행이 적어 재학습 신뢰구간이 넓음"),
    "check.few.no": ("one run: nothing can be said about retraining", "실행 1회: 재학습에 대해 알 수 없음"),
    "check.finds": ("Smallest difference found in 4 of 5 repetitions", "반복 5회 중 4회에서 찾는 최소 차이"),
    "check.finds.result": ("{value} ({metric}, {model})", "{value} ({metric}, {model})"),
    "check.finds.meaning": (
        "retraining and new images, {n_runs} runs per arm, {images}, level {alpha} before adjustment (m = {m}); {tail}",
        "재학습과 새 이미지, 비교군당 실행 {n_runs}회, {images}, 보정 전 수준 {alpha} (m = {m}); {tail}",
    ),
    "check.finds.images": ("{n} images", "이미지 {n}장"),
    "check.finds.patients": ("{n} images of {g} patients", "환자 {g}명의 이미지 {n}장"),
    "check.finds.fine": ("the margin is {margin}", "한계: {margin}"),
    "check.finds.wide": (
        "above the margin, {margin}: an inconclusive contrast says little",
        "한계({margin}) 초과: 결론을 유보한 비교로 알 수 있는 것이 적음",
    ),
    "check.finds.none": ("no margin is declared", "한계 미선언"),
    "check.diverged": ("Runs that diverged", "발산한 실행"),
    "check.diverged.ok": ("no loss left the finite numbers", "손실값이 모두 유한함"),
    "check.diverged.part": (
        "kept and marked; see the table of missing runs",
        "그대로 두고 표시함; 누락된 실행의 표 참조",
    ),
    "check.learned": ("Classification better than chance", "우연보다 나은 분류"),
    "check.learned.result": ("lowest run: AUC {value}", "최저 실행: AUC {value}"),
    "check.learned.ok": ("no run is a failed classifier", "분류에 실패한 실행 없음"),
    "check.learned.part": (
        "a run hardly classifies; its maps mean little",
        "분류를 거의 못하는 실행이 있음; 그 맵의 의미는 작음",
    ),
    "check.locked": ("Protocol fixed before results", "결과 이전의 프로토콜 확정"),
    "check.locked.ok": ("unchanged since the lock", "확정 이후 변경 없음"),
    "check.locked.part": ("changed after the lock; see below", "확정 이후 변경됨; 아래 참조"),
    "check.locked.no": ("no lock is recorded", "확정 기록 없음"),
    "check.controls": ("Control maps", "대조 맵"),
    "check.controls.ok": ("section 7", "7절"),
    "check.controls.no": ("none in the protocol", "프로토콜에 없음"),
    "check.clean": ("Code under version control, unchanged", "버전 관리된 코드, 변경 없음"),
    "check.clean.ok": ("the commit names the code", "커밋이 코드를 특정함"),
    "check.clean.part": ("changes are not in any commit", "커밋되지 않은 변경이 있음"),
    "check.clean.no": ("no commit recorded", "커밋 기록 없음"),
    "check.quarantined": ("Unreadable films", "읽지 못한 영상"),
    "check.quarantined.ok": ("none was lost", "제외된 영상 없음"),
    "check.quarantined.part": ("left out and listed below", "제외하고 아래에 적음"),
    # what the design can say
    "scope.can": (
        "It can say whether, with this data, these recipes and this test set, swapping stages changes the metrics. "
        "It cannot say why, cannot rank attribution methods, and cannot speak for other hospitals, other body parts "
        "or other models.",
        "이 데이터, 이 학습 방법, 이 검사 영상에서 단계를 바꾸면 지표가 달라지는지를 말할 수 있음. "
        "이유, 기여도 방법의 순위, 다른 병원·부위·모델에 대해서는 말할 수 없음.",
    ),
    "scope.primary": (
        "Primary contrasts, named in the protocol: {n}. Everything else in this report is secondary or "
        "exploratory and carries no verdict.",
        "주요 비교 {n}건은 프로토콜에 명시됨. 이 보고서의 나머지는 보조 또는 탐색적 결과이며 판정이 없음.",
    ),
    "scope.fixed": (
        "Not held fixed: total compute and the number of films seen. Arms with pretraining see more films and train "
        "longer, so a contrast compares recipes as wholes.",
        "고정하지 않은 것: 전체 계산량과 학습에 쓰인 영상 수. 사전학습이 있는 비교군은 더 많은 영상을 보고 더 오래 학습하므로, "
        "비교는 학습 방법 전체에 관한 것임.",
    ),
    "scope.left_out": ("Sections left out: {sections}.", "생략된 절: {sections}."),
    "left_out.3": ("3 (no human boxes)", "3 (사람이 그린 상자 없음)"),
    "left_out.4": ("4 (not asked for)", "4 (요청하지 않음)"),
    "left_out.6": ("6 (no primary contrast per image)", "6 (영상별 주요 비교 없음)"),
    "left_out.8": ("8 (no images given)", "8 (영상 없음)"),
    "left_out.12": ("12 (no notes)", "12 (메모 없음)"),
    # sections
    "s6.lead": (
        "Left of each figure: test images as faint lines, one mark per run, bar at the mean. Right: the image "
        "differences (shape and dots: the spread between images, not an interval), one circle per seed, the mean "
        "difference with 95% and 90% CI (black) and the CI for these models only (grey). Single images move by much "
        "more than the mean: quote the average, not an example.",
        "그림의 왼쪽: 영상마다 옅은 선, 실행마다 표식, 막대는 평균. 오른쪽: 영상별 차이(모양과 점: 영상 간 퍼짐이며 신뢰구간이 아님), "
        "시드별 원, 평균 차이와 95%, 90% 신뢰구간(검정), 이 모델들에 한한 신뢰구간(회색). "
        "개별 영상의 변화는 평균보다 훨씬 큼: 예시가 아니라 평균을 인용할 것.",
    ),
    "s6.one_run": (
        "One run per arm: differences between images, for these trained models only.",
        "비교군당 실행 1회: 학습된 이 모델들에 한한 영상별 차이.",
    ),
    "s8.lead": (
        "Images are chosen by rule, not by eye: the largest gains, those around the median and the largest losses of "
        "{contrasts}. Values under the maps are averages over runs; the map shown is that of the first seed. "
        "Dashed frame: human box. Lines: 50% and 80% of the map’s maximum. One colour scale per map.",
        "영상은 눈이 아니라 규칙으로 선택함: 가장 큰 개선, 중앙값 부근, 가장 큰 하락 ({contrasts}). "
        "맵 아래의 값은 실행 평균이며, 보이는 맵은 첫 번째 시드의 것임. "
        "점선 상자: 사람이 그린 상자. 선: 맵 최댓값의 50%, 80%. 색은 맵마다 따로 정함.",
    ),
    "s8.softened": (
        "Softened for the eye, as single pixels would not be seen (Gaussian, σ = {sigma} of the side; values are of the "
        "map as it is): {maps}.",
        "낱개 픽셀은 보이지 않으므로 그림에서만 부드럽게 함(가우시안, σ = 한 변의 {sigma}; 값은 원래 맵의 것임): {maps}.",
    ),
    "s8.contrast": ("{name} in {metric} ({model})", "{name}, {metric} ({model})"),
    # methods paragraph
    "m.arms": (
        "We compared {n} arms ({arms}) in {models}.",
        "비교군 {n}개({arms})를 다음 모델에서 비교하였다: {models}.",
    ),
    "m.runs": (
        "Each combination was planned with {seeds} seeds; {done} of {planned} runs finished and nothing was imputed.",
        "조합마다 시드 {seeds}개를 계획하였고, 실행 {planned}회 중 {done}회가 완료되었으며, 결측은 대체하지 않았다.",
    ),
    "m.one_run": (
        "Each combination was trained once, so only these trained models are compared.",
        "조합마다 한 번 학습하였으므로 학습된 모델들만 비교한다.",
    ),
    "m.images": (
        "On {images} held-out radiographs ({name}) we computed {attributions} attributions for the {target}.",
        "검사용 방사선 영상 {images}장({name})에서 기여도를 계산하였다: {attributions}; 대상 클래스: {target}.",
    ),
    "m.target.label": ("true class", "정답"),
    "m.target.label.several": ("finding that the film’s boxes show", "박스가 표시한 소견"),
    "m.target.predicted": ("predicted class", "예측"),
    "m.primary": (
        "The primary metric was {metric}{attribution}; secondary metrics were {others}.",
        "주요 지표: {metric}{attribution}. 보조 지표: {others}.",
    ),
    "m.primary_only": ("The primary metric was {metric}{attribution}.", "주요 지표: {metric}{attribution}."),
    "m.on": (" on {attribution}", " ({attribution})"),
    "m.estimate": (
        "Each contrast is the difference between arm means over runs and images. Its standard error treats runs "
        "({seeding}) and images (crossed with all runs) as random (Obuchowski-Rockette form), with Satterthwaite "
        "degrees of freedom and a two-sided t test at level {alpha}.",
        "각 비교는 실행과 영상에 걸친 비교군 평균의 차이이다. 표준오차는 실행({seeding})과 영상(모든 실행에 교차)을 "
        "확률 요인으로 보았고(Obuchowski-Rockette), Satterthwaite 자유도와 수준 {alpha} 양측 t 검정을 사용하였다.",
    ),
    "m.nested": ("nested in arms", "비교군에 내포"),
    "m.paired": ("paired by seed", "시드로 짝지음"),
    "m.models_only": (
        "With one run per arm the standard error covers new images only.",
        "비교군당 실행이 1회이므로 표준오차는 새 영상만 포함한다.",
    ),
    "m.family": (
        "The {m} primary contrasts formed one family ({adjustment}).",
        "주요 비교 {m}건을 한 검정군으로 묶어 보정하였다({adjustment}).",
    ),
    "m.family_one": ("There was one primary contrast.", "주요 비교는 1건이었다."),
    "m.margin": (
        "The equivalence margin was {margins}{later}; equivalence was judged by two one-sided tests.",
        "동등성 한계: {margins}{later}; 두 단측 검정으로 동등성을 판단하였다.",
    ),
    "m.margin.later": (", set after runs had finished", ", 실행 완료 이후에 정함"),
    "m.no_margin": ("No equivalence margin was declared.", "동등성 한계는 선언하지 않았다."),
    "m.margin.one": ("±{margin} for {metric}", "{metric} ±{margin}"),
    "m.secondary": (
        "Secondary contrasts are reported with unadjusted 95% intervals, adjusted p and no verdict.",
        "보조 비교는 보정 전 95% 신뢰구간과 보정 p로 보고하며 판정하지 않았다.",
    ),
    "m.undefined": (
        "Undefined values were counted, never replaced.",
        "정의되지 않은 값은 세기만 하고 대체하지 않았다.",
    ),
    "m.locked": (
        "The protocol was locked on {date}; later changes, all listed: {n}.",
        "프로토콜은 {date} 확정되었고, 이후 변경 {n}건을 밝힌다.",
    ),
    "adjusted.holm": ("Holm", "Holm"),
    "adjusted.bh": ("Benjamini-Hochberg", "Benjamini-Hochberg"),
    "adjusted.other": ("{name}", "{name}"),
    "adjusted.none": ("no adjustment", "보정 없음"),
    # provenance
    "tab.provenance": ("How this was made.", "만들어진 과정."),
    "note.attached": (
        "results.json, contrasts.csv and tables.tex are attached to the PDF; results.json is stored inside the HTML.",
        "results.json, contrasts.csv, tables.tex 파일은 PDF에 첨부됨; results.json은 HTML 안에도 있음.",
    ),
    "tab.checklist": ("Reporting checklist (short form).", "보고 점검표(축약)."),
    "note.checklist": ("● done, with section number · △ partly · × not done.", "● 완료(절 번호) · △ 일부 · × 안 함."),
    "list.claim": ("Claim and population stated", "주장과 대상 명시"),
    "list.primary": ("Primary outcome named before scoring", "주요 지표의 사전 명시"),
    "list.n": ("Exact n at each level", "수준별 정확한 n"),
    "list.spread": ("What ± and intervals mean", "±와 신뢰구간의 의미"),
    "list.tests": ("Test, sides, multiplicity", "검정, 양측, 다중 비교"),
    "list.effect": ("Effect and interval for each claim", "주장별 효과와 신뢰구간"),
    "list.leak": ("Leak checks", "누출 점검"),
    "list.annotation": ("Annotation quality", "주석의 질"),
    "list.failures": ("Failure cases shown", "실패 사례 제시"),
    "list.code": ("Compute and code version", "계산 자원과 코드 버전"),
    "list.external": ("External test set", "외부 검사 데이터"),
    "list.leak.state": ("split by patient where ids exist", "환자 식별자가 있으면 환자 단위 분할"),
    "list.annotation.state": ("agreement between readers not measured", "판독자 간 일치 미측정"),
    "list.annotation.none": ("no human boxes", "사람이 그린 상자 없음"),
    "list.external.state": ("none", "없음"),
    "list.unlocked": ("no lock recorded", "확정 기록 없음"),
}
