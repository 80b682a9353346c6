"""Definitions of metrics for section 10, English and Korean: what it is, direction, range, chance level, source."""

from __future__ import annotations

from collections.abc import Mapping

METRIC_DEFINITIONS: Mapping[str, tuple[str, str]] = {
    "name.ehr": ("EHR ↑, effective heat ratio", "EHR ↑, 유효 히트 비율"),
    "def.ehr": (
        "Share of the thresholded map that lies in the human box, averaged over thresholds. 0 to 1. A map spread "
        "evenly scores the box’s share of the area (Zhang 2021).",
        "문턱값을 넘은 맵이 사람이 그린 상자 안에 있는 비율의 평균. 0 ~ 1. 고르게 퍼진 맵의 값은 상자의 면적 비율과 같음 (Zhang 2021).",
    ),
    "name.ehr_count": ("EHR (count) ↑", "EHR (개수) ↑"),
    "def.ehr_count": (
        "EHR with pixels counted instead of weighted by heat. 0 to 1.",
        "히트 대신 픽셀 수로 구한 EHR. 0 ~ 1.",
    ),
    "name.energy_pg": ("EnergyPG ↑, energy pointing game", "EnergyPG ↑, 에너지 포인팅 게임"),
    "def.energy_pg": (
        "Share of the map’s total weight inside the box. 0 to 1. A map spread evenly scores the box’s share of the area (Wang 2020).",
        "맵 전체 무게 중 상자 안의 비율. 0 ~ 1. 고르게 퍼진 맵의 값은 상자의 면적 비율과 같음 (Wang 2020).",
    ),
    "name.energy_pg_excess": ("EnergyPG − area ↑", "EnergyPG − 면적 ↑"),
    "def.energy_pg_excess": (
        "EnergyPG minus the box’s share of the area. −1 to 1; an evenly spread map scores 0.",
        "EnergyPG 값에서 상자의 면적 비율을 뺀 값. −1 ~ 1; 고르게 퍼진 맵은 0.",
    ),
    "name.insertion": ("Insertion ↑", "삽입 ↑"),
    "def.insertion": (
        "Area under the target’s probability while pixels are added to a blank image, most relevant first (MoRF). "
        "0 to 1. Compare with the random map of section 7 (Petsiuk 2018).",
        "빈 영상에 중요도 높은 순(MoRF)으로 픽셀을 넣을 때 대상 확률 곡선의 면적. 0 ~ 1. 7절의 무작위 맵과 비교할 것 (Petsiuk 2018).",
    ),
    "name.insertion_lerf": ("Insertion, LeRF ↓", "삽입, LeRF ↓"),
    "def.insertion_lerf": (
        "As insertion, least relevant pixels first. 0 to 1 (Samek 2017).",
        "삽입과 같으나 중요도 낮은 순. 0 ~ 1 (Samek 2017).",
    ),
    "name.deletion": ("Deletion ↓", "삭제 ↓"),
    "def.deletion": (
        "Area under the target’s probability while pixels are removed, most relevant first (MoRF). 0 to 1. A model "
        "trained on occluded images scores higher with any map (Petsiuk 2018).",
        "중요도 높은 순(MoRF)으로 픽셀을 지울 때 대상 확률 곡선의 면적. 0 ~ 1. 가려진 영상으로 학습한 모델은 어떤 맵에서도 값이 커짐 (Petsiuk 2018).",
    ),
    "name.deletion_lerf": ("Deletion, LeRF ↑", "삭제, LeRF ↑"),
    "def.deletion_lerf": (
        "As deletion, least relevant pixels first. 0 to 1 (Samek 2017).",
        "삭제와 같으나 중요도 낮은 순. 0 ~ 1 (Samek 2017).",
    ),
    "name.faithfulness_gap": ("LeRF − MoRF gap, normalised ↑", "정규화한 LeRF − MoRF 차이 ↑"),
    "def.faithfulness_gap": (
        "Area between the two deletion curves, divided per image by what the model loses from the original to the "
        "blank image. A random order scores about 0; how fast the curve falls still depends on the model.",
        "두 삭제 곡선 사이의 면적을, 원본에서 빈 영상까지 확률이 줄어든 양으로 영상마다 나눈 값. 무작위 순서는 약 0; 곡선이 떨어지는 속도는 여전히 모델에 달림.",
    ),
    "name.average_drop": ("Average drop ↓", "평균 하락 ↓"),
    "def.average_drop": (
        "Relative loss of the target’s probability when only the mapped part is shown. 0 to 1 (Chattopadhay 2018).",
        "맵으로 가린 영상에서 대상 확률이 줄어든 비율. 0 ~ 1 (Chattopadhay 2018).",
    ),
    "name.average_increase": ("Average increase ↑", "평균 증가 ↑"),
    "def.average_increase": (
        "Share of images whose probability rises when only the mapped part is shown. 0 to 1 (Chattopadhay 2018).",
        "맵으로 가렸을 때 확률이 오르는 영상의 비율. 0 ~ 1 (Chattopadhay 2018).",
    ),
    "name.coherency": ("Coherency ↑", "일관성 ↑"),
    "def.coherency": (
        "Correlation of a map with the map of the image it masks, scaled to 0 to 1 (Poppi 2021).",
        "맵과, 그 맵으로 가린 영상의 맵 사이의 상관을 0 ~ 1로 나타낸 값 (Poppi 2021).",
    ),
    "name.complexity": ("Complexity ↓", "복잡도 ↓"),
    "def.complexity": ("Mean of the scaled map. 0 to 1 (Poppi 2021).", "크기를 맞춘 맵의 평균. 0 ~ 1 (Poppi 2021)."),
    "name.adcc": ("ADCC ↑", "ADCC ↑"),
    "def.adcc": (
        "Harmonic mean of coherency, 1 − complexity and 1 − average drop, per image. 0 to 1. Fake-CAM scores low (Poppi 2021).",
        "일관성, 1 − 복잡도, 1 − 평균 하락의 영상별 조화평균. 0 ~ 1. Fake-CAM 값은 낮음 (Poppi 2021).",
    ),
    "name.pointing_game": ("Pointing game ↑", "포인팅 게임 ↑"),
    "def.pointing_game": (
        "Share of images whose highest pixel lies in the human box. 0 to 1 (Zhang 2018).",
        "가장 높은 픽셀이 사람이 그린 상자 안에 있는 영상의 비율. 0 ~ 1 (Zhang 2018).",
    ),
    "name.relevance_rank_accuracy": ("Relevance rank accuracy ↑", "중요도 순위 정확도 ↑"),
    "def.relevance_rank_accuracy": (
        "Of the n highest pixels, n being the box’s area, the share inside the box. 0 to 1 (Arras 2022).",
        "상자 면적만큼의 가장 높은 픽셀 중 상자 안의 비율. 0 ~ 1 (Arras 2022).",
    ),
    "name.iou": ("IoU at mean + 1 SD ↑", "IoU, 평균 + 1 SD ↑"),
    "def.iou": (
        "Overlap of the box with the map above its mean plus one SD: intersection over union, 0 to 1 "
        "(rule of Relevance-CAM, Lee 2021).",
        "평균 + 1 SD를 넘는 맵과 상자의 교집합을 합집합으로 나눈 값, 0 ~ 1 (Relevance-CAM의 규칙, Lee 2021).",
    ),
    "name.degradation": ("Degradation score ↑", "저하 점수 ↑"),
    "def.degradation": (
        "Area between the LeRF and MoRF curves over tiles, each divided by what the model loses from the original to "
        "the blank image. A random order scores about 0 (Schulz 2020).",
        "타일 단위 LeRF와 MoRF 곡선 사이의 면적, 원본에서 빈 영상까지 줄어든 확률로 나눔. 무작위 순서는 약 0 (Schulz 2020).",
    ),
    "name.selectivity": ("Selectivity ↓", "선택성 ↓"),
    "def.selectivity": (
        "Area under the target’s probability while tiles are removed, most relevant first. 0 to 1 (Montavon 2018).",
        "중요도 높은 순으로 타일을 지울 때 대상 확률 곡선의 면적. 0 ~ 1 (Montavon 2018).",
    ),
    "name.region_perturbation": ("Region perturbation (AOPC) ↑", "영역 교란 (AOPC) ↑"),
    "def.region_perturbation": (
        "Mean loss of the target’s probability while tiles are removed, most relevant first. −1 to 1 (Samek 2017).",
        "중요도 높은 순으로 타일을 지울 때 대상 확률이 줄어든 양의 평균. −1 ~ 1 (Samek 2017).",
    ),
    "name.road": ("ROAD, (LeRF − MoRF) / 2 ↑", "ROAD, (LeRF − MoRF) / 2 ↑"),
    "def.road": (
        "Half the gap between removing least and most relevant pixels, holes filled in from their surroundings. "
        "A random order scores about 0 (Rong 2022).",
        "중요도 낮은 픽셀과 높은 픽셀을 지울 때의 차이의 절반, 빈 곳은 주변으로 채움. 무작위 순서는 약 0 (Rong 2022).",
    ),
    "name.road_morf": ("ROAD, MoRF ↓", "ROAD, MoRF ↓"),
    "def.road_morf": (
        "Change of the target’s probability when the most relevant pixels are filled in from their surroundings "
        "(Rong 2022).",
        "중요도 높은 픽셀을 주변 값으로 채울 때 대상 확률의 변화 (Rong 2022).",
    ),
    "name.road_lerf": ("ROAD, LeRF ↑", "ROAD, LeRF ↑"),
    "def.road_lerf": (
        "As ROAD, MoRF, least relevant pixels first (Rong 2022).",
        "ROAD, MoRF와 같으나 중요도 낮은 순 (Rong 2022).",
    ),
    "name.cross_insertion": ("Insertion on other models ↑", "다른 모델의 삽입 ↑"),
    "def.cross_insertion": (
        "Insertion of a map, the models of other arms being the judges. 0 to 1 (our reading of Won 2025).",
        "다른 비교군의 모델로 평가한 맵의 삽입 값. 0 ~ 1 (Won 2025에 대한 우리의 해석).",
    ),
    "name.cross_deletion": ("Deletion on other models ↓", "다른 모델의 삭제 ↓"),
    "def.cross_deletion": (
        "Deletion of a map, the models of other arms being the judges. 0 to 1 (our reading of Won 2025).",
        "다른 비교군의 모델로 평가한 맵의 삭제 값. 0 ~ 1 (Won 2025에 대한 우리의 해석).",
    ),
    "name.cross_gap": ("LeRF − MoRF gap on other models ↑", "다른 모델의 LeRF − MoRF 차이 ↑"),
    "def.cross_gap": (
        "Normalised gap of a map on the models of other arms; a random order scores about 0 (our reading of Won 2025).",
        "다른 비교군의 모델로 구한 정규화한 차이; 무작위 순서는 약 0 (Won 2025에 대한 우리의 해석).",
    ),
    "name.infidelity": ("Infidelity ↓", "불충실도 ↓"),
    "def.infidelity": (
        "Mean squared gap between what a map predicts for random changes of the image and what the model does. From 0 "
        "(Yeh 2019).",
        "영상을 무작위로 바꿀 때 맵이 예측한 변화와 모델의 실제 변화의 평균 제곱 차이. 0 이상 (Yeh 2019).",
    ),
    "name.max_sensitivity": ("Max-sensitivity ↓", "최대 민감도 ↓"),
    "def.max_sensitivity": (
        "Largest relative change of the map under small noise on the image. From 0 (Yeh 2019).",
        "영상에 작은 잡음을 더할 때 맵의 가장 큰 상대 변화. 0 이상 (Yeh 2019).",
    ),
    "name.class_sensitivity": ("Class sensitivity ↑", "클래스 민감도 ↑"),
    "def.class_sensitivity": (
        "1 − correlation of the maps of the target and of the least probable class. 0 to 2; 0 = the same map for both "
        "(after Lee 2021, definition ours).",
        "1 − 대상 클래스와 확률이 가장 낮은 클래스의 맵 사이 상관. 0 ~ 2; 0 = 두 맵이 같음 (Lee 2021을 따른 우리의 정의).",
    ),
    "name.randomisation_spearman": ("Randomisation, Spearman ↓", "가중치 무작위화, Spearman ↓"),
    "def.randomisation_spearman": (
        "Rank correlation of the map with maps of the same network as its weights are redrawn layer by layer. −1 to 1; "
        "near 1 = the map does not depend on the weights (Adebayo 2018).",
        "가중치를 층마다 다시 뽑아 가며 얻은 맵과 원래 맵의 순위 상관. −1 ~ 1; 1에 가까우면 맵이 가중치에 의존하지 않음 (Adebayo 2018).",
    ),
    "name.randomisation_ssim": ("Randomisation, SSIM ↓", "가중치 무작위화, SSIM ↓"),
    "def.randomisation_ssim": (
        "Structural similarity of the map and maps of the same network as its weights are redrawn layer by layer. "
        "Near 1 = the map does not depend on the weights (Adebayo 2018).",
        "가중치를 층마다 다시 뽑아 가며 얻은 맵과 원래 맵의 구조 유사도. 1에 가까우면 맵이 가중치에 의존하지 않음 (Adebayo 2018).",
    ),
    "name.randomisation_hog": ("Randomisation, HOG ↓", "가중치 무작위화, HOG ↓"),
    "def.randomisation_hog": (
        "Correlation of edge histograms (HOG) of the map and of maps of the same network as its weights are redrawn "
        "layer by layer. Near 1 = the map does not depend on the weights (Adebayo 2018).",
        "가중치를 층마다 다시 뽑아 가며 얻은 맵과 원래 맵의 경계 방향 히스토그램(HOG) 상관. 1에 가까우면 맵이 가중치에 의존하지 않음 "
        "(Adebayo 2018).",
    ),
    "name.sparseness": ("Sparseness (Gini) ↑", "희소성 (Gini) ↑"),
    "def.sparseness": (
        "Gini index of the map’s pixels: 0 = spread evenly, near 1 = all heat in few pixels. Says nothing of where "
        "(Chalasani 2020).",
        "맵 픽셀의 지니 계수: 0 = 고르게 퍼짐, 1에 가까움 = 소수의 픽셀에 모임. 위치와는 무관 (Chalasani 2020).",
    ),
    "name.entropy": ("Entropy ↓", "엔트로피 ↓"),
    "def.entropy": (
        "Shannon entropy of the map’s shares of heat, in nats: 0 = one pixel. Says nothing of where (Bhatt 2020).",
        "맵의 히트 비율에 대한 섀넌 엔트로피(nat): 0 = 픽셀 하나. 위치와는 무관 (Bhatt 2020).",
    ),
    "name.auc": ("AUC ↑", "AUC ↑"),
    "def.auc": (
        "Area under the ROC curve, × 100; macro mean over classes. Chance is 50.",
        "ROC 곡선 아래 면적, × 100; 클래스의 거시 평균. 우연 수준 50.",
    ),
    "name.accuracy": ("Accuracy ↑", "정확도 ↑"),
    "def.accuracy": ("Share of test images classified right, × 100.", "맞게 분류한 검사 영상의 비율, × 100."),
    "def.accuracy.several": (
        "Share of findings answered right at p = 0.5, mean over test images, × 100. With rare findings it is high for a "
        "model that answers no to all.",
        "p = 0.5에서 맞게 답한 소견의 비율, 검사 영상에 걸친 평균, × 100. 드문 소견에서는 모두 없다고 답해도 높음.",
    ),
    "name.ece": ("ECE ↓, expected calibration error", "ECE ↓, 기대 보정 오차"),
    "def.ece": (
        "Mean gap between the top probability and the share of right answers, over 15 bins of equal width. 0 to 1 "
        "(Guo 2017).",
        "너비가 같은 구간 15개에서 가장 높은 확률과 정답률의 차이의 평균. 0 ~ 1 (Guo 2017).",
    ),
    "def.ece.several": (
        "Mean gap between the probability of a finding and the share of images that have it, over 15 bins of equal "
        "width; mean over findings. 0 to 1 (Guo 2017).",
        "너비가 같은 구간 15개에서 소견의 확률과 실제로 소견이 있는 비율의 차이의 평균; 소견에 걸친 평균. 0 ~ 1 (Guo 2017).",
    ),
    "name.brier": ("Brier score ↓", "Brier 점수 ↓"),
    "def.brier": (
        "Squared distance of the probabilities from the true class, summed over classes. 0 to 2 (Brier 1950).",
        "확률과 정답 사이 제곱 거리의 클래스 합. 0 ~ 2 (Brier 1950).",
    ),
    "def.brier.several": (
        "Squared difference of the probability of a finding and whether it is there, mean over findings. 0 to 1 (Brier "
        "1950).",
        "소견의 확률과 실제 유무 사이 제곱 차이의 소견 평균. 0 ~ 1 (Brier 1950).",
    ),
    "name.unique_detectors": ("Concepts ↑, unique detectors", "개념 ↑, 고유 검출기"),
    "def.unique_detectors": (
        "Number of distinct parts of the films that at least one unit of the layer detects (Bau 2017).",
        "층의 유닛 하나 이상이 찾아내는 서로 다른 부위의 수 (Bau 2017).",
    ),
    "name.detectors": ("Units that detect one ↑", "개념을 찾는 유닛 ↑"),
    "def.detectors": (
        "Number of units of the layer whose high activations overlap a part (IoU above the protocol’s threshold; "
        "Bau 2017).",
        "높은 활성이 어떤 부위와 겹치는 층의 유닛 수 (IoU가 프로토콜의 문턱값 초과; Bau 2017).",
    ),
}
