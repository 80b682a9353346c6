"""What is said differently of scores made elsewhere: a key that ends in `.outside` replaces the one without."""

from __future__ import annotations

from collections.abc import Mapping

OUTSIDE_WORDS: Mapping[str, tuple[str, str]] = {
    # where the scores come from
    "row.scores": ("Scores", "점수"),
    "value.scores": ("{name}, {n} rows, sha256 {sha256}", "{name}, {n}행, sha256 {sha256}"),
    "source.scores": ("scores from {name}, sha256 {sha256}", "점수 파일: {name}, sha256 {sha256}"),
    "front.locked.outside": ("analysis file first used {date} ({hash})", "분석 파일 첫 사용 {date} ({hash})"),
    "count.runs.outside": ("runs in the table", "표에 있는 실행"),
    "quote.missing.outside": (
        "{k} of {n} planned runs are in the table. Complete: {arms} (section 9).",
        "계획한 실행 {n}회 중 {k}회가 표에 있음. 완료 현황: {arms} (9절).",
    ),
    "h.other": ("Other metrics", "그 밖의 지표"),
    "group.other": ("Other metrics", "그 밖의 지표"),
    # what the design can say
    "scope.can.outside": (
        "It can say whether the metrics of these arms differ in this table. Nothing is known here of how the arms were "
        "made, so it cannot say why they differ, whether they were trained and tested on the same films, and cannot "
        "speak for other hospitals, other body parts or other models.",
        "이 표에서 비교군의 지표가 다른지를 말할 수 있음. 비교군을 만든 방법은 여기에 알려져 있지 않으므로 차이의 이유, "
        "같은 영상으로 학습하고 검사하였는지, 다른 병원·부위·모델에 대해서는 말할 수 없음.",
    ),
    "scope.primary.outside": (
        "Primary contrasts, named in the analysis file: {n}. Everything else in this report is secondary or "
        "exploratory and carries no verdict.",
        "주요 비교 {n}건은 분석 파일에 명시됨. 이 보고서의 나머지는 보조 또는 탐색적 결과이며 판정이 없음.",
    ),
    "scope.fixed.outside": (
        "The analysis file was first used when the scores were there already; whether it was written before them is "
        "not recorded.",
        "분석 파일은 점수가 이미 있을 때 처음 사용됨; 점수보다 먼저 작성되었는지는 기록이 없음.",
    ),
    "left_out.3.outside": ("3 (no agreement metric in the table)", "3 (표에 일치성 지표 없음)"),
    "left_out.4.outside": ("4 (no such metric in the table)", "4 (표에 해당 지표 없음)"),
    "left_out.8.outside": ("8 (the table has no films)", "8 (표에 영상 없음)"),
    # methods paragraph
    "m.one_arm.outside": (
        "The table has one arm ({arm}) in {models}.",
        "표에는 비교군 하나({arm})가 있다. 모델: {models}.",
    ),
    "m.runs.outside": (
        "The table has {done} runs; nothing was imputed.",
        "표에는 실행 {done}회가 있으며, 결측은 대체하지 않았다.",
    ),
    "m.runs.planned.outside": (
        "Each combination was planned with {seeds} seeds; the table has {done} of {planned} runs and nothing was imputed.",
        "조합마다 시드 {seeds}개를 계획하였고, 표에는 실행 {planned}회 중 {done}회가 있으며, 결측은 대체하지 않았다.",
    ),
    "m.one_run.outside": (
        "Each combination has one run in the table, so only these trained models are compared.",
        "조합마다 표에 실행이 하나이므로 학습된 모델들만 비교한다.",
    ),
    "m.one_run.alone.outside": (
        "The table has one run, so every number is about this trained model.",
        "표에 실행이 하나이므로 모든 값은 학습된 이 모델에 관한 것이다.",
    ),
    "m.images.outside": (
        "Values of {attributions} on {images} test images were made elsewhere and read from {files}; this package "
        "trained and measured nothing.",
        "검사 영상 {images}장의 값({attributions})은 다른 곳에서 만들어졌고 다음 파일에서 읽었다: {files}. 이 패키지는 학습과 "
        "측정을 하지 않았다.",
    ),
    "m.margin.later.outside": (", set after the scores had been analysed", ", 점수를 분석한 이후에 정함"),
    "m.locked.outside": (
        "The analysis file was first used on {date}, when the scores were there already; later changes, all listed: {n}.",
        "분석 파일은 점수가 이미 있던 {date} 처음 사용되었고, 이후 변경 {n}건을 밝힌다.",
    ),
    "def.arm.outside": ("One recipe or condition, as the table names it.", "표에 적힌 한 가지 학습 방법 또는 조건."),
    # checks
    "check.runs.outside": ("Runs in the table", "표에 있는 실행"),
    "check.runs.outside.unplanned": (
        "no plan was declared, so missing runs cannot be named",
        "계획을 선언하지 않아 누락된 실행을 알 수 없음",
    ),
    "check.locked.outside": (
        "first used on this day, when the scores were there already",
        "점수가 이미 있던 이 날 처음 사용됨",
    ),
    "check.locked.outside.changed": (
        "changed after it was first used; see below",
        "첫 사용 이후 변경됨; 아래 참조",
    ),
    "check.clean.outside": (
        "Code of the analysis under version control, unchanged",
        "버전 관리된 분석 코드, 변경 없음",
    ),
    "state.missing.outside": ("not in the table", "표에 없음"),
    "missing.none.outside": ("No planned run is missing from the table.", "계획한 실행 중 표에 없는 것 없음."),
    "missing.unplanned.outside": (
        "No planned runs were declared, so runs that are missing from the table cannot be named.",
        "계획한 실행을 선언하지 않았으므로 표에서 누락된 실행을 알 수 없음.",
    ),
    # the tables themselves
    "tables.patients": (
        "The table has no column of patients (cluster): every image counts as a patient of its own.",
        "표에 환자 열(cluster)이 없어 영상마다 다른 환자로 봄.",
    ),
    "tables.undefined": ("Values that are not defined: {reasons}.", "정의되지 않은 값: {reasons}."),
    "tables.no_reason": ("no reason given", "이유 없음"),
    "tables.ignored": ("{name}: columns that were not read: {columns}.", "{name}: 읽지 않은 열: {columns}."),
    "tables.cp949": ("{name} was read as CP949.", "{name}: CP949로 읽음."),
    # classification, checklist
    "note.classification.outside": (
        "{metrics}. ± is the SD over runs. Small print under the first value: lowest to highest run. Shown so that a map "
        "of a model that fails is recognised.",
        "{metrics}. ±는 실행 간 표준편차. 첫 번째 값 아래는 최저 ~ 최고 실행. 분류에 실패한 모델의 맵을 가려내기 위함.",
    ),
    "note.classification.one.outside": (
        "{metrics}. Shown so that a map of a model that fails is recognised.",
        "{metrics}. 분류에 실패한 모델의 맵을 가려내기 위함.",
    ),
    "list.unrecorded": ("not recorded in the table", "표에 기록 없음"),
    "list.primary.state": ("2; whether before the scores is not recorded", "2; 점수보다 먼저인지 기록 없음"),
    "list.code.state": ("11; the analysis only", "11; 분석만"),
}
