"""Definitions for section 10, English and Korean: what it is, direction, range, chance level."""

from __future__ import annotations

from collections.abc import Mapping

DEFINITIONS: Mapping[str, tuple[str, str]] = {
    "name.arm": ("arm", "비교군"),
    "def.arm": ("One recipe: a chain of training stages.", "한 가지 학습 방법: 학습 단계의 사슬."),
    "name.run": ("run", "실행"),
    "def.run": (
        "One arm trained once with one seed; the unit of repetition.",
        "한 비교군을 시드 하나로 한 번 학습한 것; 반복의 단위.",
    ),
    "name.attribution": ("attribution (map)", "기여도 (맵, 히트맵)"),
    "def.attribution": (
        "The relevance of each pixel for one class, by one method.",
        "한 방법이 한 클래스에 대해 매긴 픽셀별 중요도.",
    ),
    "name.ehr": ("EHR ↑, effective heat ratio", "EHR ↑, 유효 히트 비율"),
    "def.ehr": (
        "Share of the thresholded map that lies in the human box, averaged over thresholds. 0 to 1. A map spread "
        "evenly scores the box’s share of the area.",
        "문턱값을 넘은 맵이 사람이 그린 상자 안에 있는 비율의 평균. 0 ~ 1. 고르게 퍼진 맵의 값은 상자의 면적 비율과 같음.",
    ),
    "name.ehr_count": ("EHR (count) ↑", "EHR (개수) ↑"),
    "def.ehr_count": (
        "EHR with pixels counted instead of weighted by heat. 0 to 1.",
        "히트 대신 픽셀 수로 구한 EHR. 0 ~ 1.",
    ),
    "name.energy_pg": ("EnergyPG ↑, energy pointing game", "EnergyPG ↑, 에너지 포인팅 게임"),
    "def.energy_pg": (
        "Share of the map’s total weight inside the box. 0 to 1. A map spread evenly scores the box’s share of the area.",
        "맵 전체 무게 중 상자 안의 비율. 0 ~ 1. 고르게 퍼진 맵의 값은 상자의 면적 비율과 같음.",
    ),
    "name.energy_pg_excess": ("EnergyPG − area ↑", "EnergyPG − 면적 ↑"),
    "def.energy_pg_excess": (
        "EnergyPG minus the box’s share of the area. −1 to 1; an evenly spread map scores 0.",
        "EnergyPG 값에서 상자의 면적 비율을 뺀 값. −1 ~ 1; 고르게 퍼진 맵은 0.",
    ),
    "name.insertion": ("Insertion ↑", "삽입 ↑"),
    "def.insertion": (
        "Area under the target’s probability while pixels are added to a blank image, most relevant first (MoRF). "
        "0 to 1. Compare with the random map of section 7.",
        "빈 영상에 중요도 높은 순(MoRF)으로 픽셀을 넣을 때 대상 확률 곡선의 면적. 0 ~ 1. 7절의 무작위 맵과 비교할 것.",
    ),
    "name.insertion_lerf": ("Insertion, LeRF ↓", "삽입, LeRF ↓"),
    "def.insertion_lerf": (
        "As insertion, least relevant pixels first. 0 to 1.",
        "삽입과 같으나 중요도 낮은 순. 0 ~ 1.",
    ),
    "name.deletion": ("Deletion ↓", "삭제 ↓"),
    "def.deletion": (
        "Area under the target’s probability while pixels are removed, most relevant first (MoRF). 0 to 1. A model "
        "trained on occluded images scores higher with any map.",
        "중요도 높은 순(MoRF)으로 픽셀을 지울 때 대상 확률 곡선의 면적. 0 ~ 1. 가려진 영상으로 학습한 모델은 어떤 맵에서도 값이 커짐.",
    ),
    "name.deletion_lerf": ("Deletion, LeRF ↑", "삭제, LeRF ↑"),
    "def.deletion_lerf": ("As deletion, least relevant pixels first. 0 to 1.", "삭제와 같으나 중요도 낮은 순. 0 ~ 1."),
    "name.faithfulness_gap": ("LeRF − MoRF gap, normalised ↑", "정규화한 LeRF − MoRF 차이 ↑"),
    "def.faithfulness_gap": (
        "Area between the two deletion curves, divided per image by what the model loses from the original to the "
        "blank image. Comparable between models; a random order scores about 0.",
        "두 삭제 곡선 사이의 면적을, 원본에서 빈 영상까지 확률이 줄어든 양으로 영상마다 나눈 값. 모델 간 비교 가능; 무작위 순서는 약 0.",
    ),
    "name.average_drop": ("Average drop ↓", "평균 하락 ↓"),
    "def.average_drop": (
        "Relative loss of the target’s probability when only the mapped part is shown. 0 to 1.",
        "맵으로 가린 영상에서 대상 확률이 줄어든 비율. 0 ~ 1.",
    ),
    "name.average_increase": ("Average increase ↑", "평균 증가 ↑"),
    "def.average_increase": (
        "Share of images whose probability rises when only the mapped part is shown. 0 to 1.",
        "맵으로 가렸을 때 확률이 오르는 영상의 비율. 0 ~ 1.",
    ),
    "name.coherency": ("Coherency ↑", "일관성 ↑"),
    "def.coherency": (
        "Correlation of a map with the map of the image it masks, scaled to 0 to 1.",
        "맵과, 그 맵으로 가린 영상의 맵 사이의 상관을 0 ~ 1로 나타낸 값.",
    ),
    "name.complexity": ("Complexity ↓", "복잡도 ↓"),
    "def.complexity": ("Mean of the scaled map. 0 to 1.", "크기를 맞춘 맵의 평균. 0 ~ 1."),
    "name.adcc": ("ADCC ↑", "ADCC ↑"),
    "def.adcc": (
        "Harmonic mean of coherency, 1 − complexity and 1 − average drop, per image. 0 to 1. Fake-CAM scores low.",
        "일관성, 1 − 복잡도, 1 − 평균 하락의 영상별 조화평균. 0 ~ 1. Fake-CAM 값은 낮음.",
    ),
    "name.auc": ("AUC ↑", "AUC ↑"),
    "def.auc": (
        "Area under the ROC curve, × 100; macro mean over classes. Chance is 50.",
        "ROC 곡선 아래 면적, × 100; 클래스의 거시 평균. 우연 수준 50.",
    ),
    "name.accuracy": ("Accuracy ↑", "정확도 ↑"),
    "def.accuracy": ("Share of test images classified right, × 100.", "맞게 분류한 검사 영상의 비율, × 100."),
    "name.control_random": ("Random map", "무작위 맵"),
    "def.control_random": (
        "A map drawn by chance: the level that any order of pixels reaches.",
        "우연히 그린 맵: 아무 순서로나 얻는 수준.",
    ),
    "name.control_center": ("Centre prior", "중앙 사전 맵"),
    "def.control_center": (
        "The same blob in the middle of every film: what the position alone is worth.",
        "모든 영상의 가운데에 놓인 같은 맵: 위치만으로 얻는 값.",
    ),
    "name.control_fakecam": ("Fake-CAM", "Fake-CAM"),
    "def.control_fakecam": (
        "A map that is 1 everywhere but one pixel. A measure it does well on does not measure explanation.",
        "한 픽셀만 빼고 모두 1인 맵. 이 맵의 값이 좋은 지표는 설명을 재는 것이 아님.",
    ),
    "name.delta": ("Δ, 95% CI", "Δ, 95% 신뢰구간"),
    "def.delta": (
        "Difference of arm means, and the values compatible with the data if we trained again and took new images.",
        "비교군 평균의 차이와, 다시 학습하고 새 영상을 얻을 때 데이터와 양립하는 값의 범위.",
    ),
    "name.sd": ("± SD", "± SD"),
    "def.sd": ("Spread of the run means. Not a confidence interval.", "실행 평균의 퍼짐. 신뢰구간이 아님."),
    "name.p_adj": ("p adj.", "보정 p"),
    "def.p_adj": (
        "Two-sided p, adjusted for the number of tests in its family. Never shown without Δ and its interval.",
        "검정군의 검정 수로 보정한 양측 p. 차이와 신뢰구간 없이 쓰지 않음.",
    ),
    "name.equivalent": ("equivalent", "동등"),
    "def.equivalent": (
        "Two one-sided tests put the difference inside the margin: the 90% CI lies inside it.",
        "두 단측 검정으로 차이가 한계 안에 있음: 90% 신뢰구간이 한계 안.",
    ),
    "name.inconclusive": ("inconclusive", "결론 유보"),
    "def.inconclusive": (
        "Neither a difference nor equivalence is shown. It is not evidence for either.",
        "차이도 동등도 보이지 못함. 어느 쪽의 근거도 아님.",
    ),
}
