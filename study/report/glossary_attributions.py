"""Definitions of attribution methods and controls for section 10, English and Korean, each with its source."""

from __future__ import annotations

from collections.abc import Mapping

ATTRIBUTION_DEFINITIONS: Mapping[str, tuple[str, str]] = {
    "name.gradcam": ("Grad-CAM", "Grad-CAM"),
    "def.gradcam": (
        "Channels of one layer, each weighted by its mean gradient; positive part (Selvaraju 2017).",
        "한 층의 채널을 평균 기울기로 가중한 합의 양수 부분 (Selvaraju 2017).",
    ),
    "name.gradcampp": ("Grad-CAM++", "Grad-CAM++"),
    "def.gradcampp": (
        "Grad-CAM with positive gradients weighted pixel by pixel (Chattopadhay 2018).",
        "양의 기울기를 픽셀마다 가중한 Grad-CAM (Chattopadhay 2018).",
    ),
    "name.xgradcam": ("XGrad-CAM", "XGrad-CAM"),
    "def.xgradcam": (
        "Grad-CAM with gradients weighted by the share of the activation (Fu 2020).",
        "기울기를 활성의 비율로 가중한 Grad-CAM (Fu 2020).",
    ),
    "name.layercam": ("LayerCAM", "LayerCAM"),
    "def.layercam": (
        "Activation times positive gradient at every place, summed over channels (Jiang 2021).",
        "위치마다 활성과 양의 기울기를 곱해 채널에 걸쳐 더한 맵 (Jiang 2021).",
    ),
    "name.hirescam": ("HiResCAM", "HiResCAM"),
    "def.hirescam": (
        "Activation times gradient at every place, summed over channels (Draelos 2020).",
        "위치마다 활성과 기울기를 곱해 채널에 걸쳐 더한 맵 (Draelos 2020).",
    ),
    "name.eigencam": ("EigenCAM", "EigenCAM"),
    "def.eigencam": (
        "First principal component of a layer’s activations; knows no class (Muhammad 2020).",
        "한 층 활성의 첫 번째 주성분; 클래스와 무관 (Muhammad 2020).",
    ),
    "name.scorecam": ("Score-CAM", "Score-CAM"),
    "def.scorecam": (
        "Channels weighted by the model’s answer to the image that each one masks; no gradients (Wang 2020).",
        "각 채널로 가린 영상에 대한 모델의 답으로 가중한 합; 기울기를 쓰지 않음 (Wang 2020).",
    ),
    "name.smooth_gradcampp": ("Smooth Grad-CAM++", "Smooth Grad-CAM++"),
    "def.smooth_gradcampp": (
        "Grad-CAM++ averaged over noisy copies of the image (Omeiza 2019).",
        "잡음을 더한 여러 영상에 걸쳐 평균한 Grad-CAM++ (Omeiza 2019).",
    ),
    "name.saliency": ("Saliency", "Saliency"),
    "def.saliency": (
        "Size of the gradient of the class score at every pixel (Simonyan 2014).",
        "픽셀마다 클래스 점수의 기울기 크기 (Simonyan 2014).",
    ),
    "name.input_x_gradient": ("Input × gradient", "입력 × 기울기"),
    "def.input_x_gradient": (
        "Gradient of the class score times the pixel’s value (Shrikumar 2016).",
        "클래스 점수의 기울기와 픽셀 값의 곱 (Shrikumar 2016).",
    ),
    "name.integrated_gradients": ("Integrated gradients", "적분 기울기"),
    "def.integrated_gradients": (
        "Gradients averaged on the way from a blank image to the film, times the difference (Sundararajan 2017).",
        "빈 영상에서 원본까지 가는 길의 기울기 평균에 두 영상의 차이를 곱한 값 (Sundararajan 2017).",
    ),
    "name.smoothgrad": ("SmoothGrad", "SmoothGrad"),
    "def.smoothgrad": (
        "Gradient of the class score averaged over noisy copies of the image (Smilkov 2017).",
        "잡음을 더한 여러 영상에 걸쳐 평균한 클래스 점수의 기울기 (Smilkov 2017).",
    ),
    "name.lrp_zplus": ("LRP z⁺", "LRP z⁺"),
    "def.lrp_zplus": (
        "The class score handed back layer by layer in proportion to positive contributions (Bach 2015, Montavon 2017).",
        "클래스 점수를 양의 기여에 비례하여 층마다 되돌려 나눈 값 (Bach 2015, Montavon 2017).",
    ),
    "name.clrp": ("CLRP", "CLRP"),
    "def.clrp": (
        "LRP z⁺ of the class minus that of the other classes (Gu 2018).",
        "대상 클래스의 LRP z⁺에서 다른 클래스의 값을 뺀 맵 (Gu 2018).",
    ),
    "name.relevance_cam": ("Relevance-CAM", "Relevance-CAM"),
    "def.relevance_cam": (
        "Channels of one layer weighted by their summed CLRP relevance (Lee 2021).",
        "한 층의 채널을 CLRP 기여도의 합으로 가중한 맵 (Lee 2021).",
    ),
    "name.iba": ("IBA", "IBA"),
    "def.iba": (
        "Bits of a layer that the answer needs, found by adding as much noise as it bears (Schulz 2020).",
        "답이 유지되는 한 잡음을 더해 구한, 한 층에서 답에 필요한 정보량(비트) (Schulz 2020).",
    ),
    "name.attention_rollout": ("Attention rollout", "어텐션 롤아웃"),
    "def.attention_rollout": (
        "Attention of all blocks multiplied from the input on; knows no class (Abnar 2020).",
        "모든 블록의 어텐션을 입력부터 곱한 맵; 클래스와 무관 (Abnar 2020).",
    ),
    "name.attention_gradient": ("Gradient-weighted attention", "기울기 가중 어텐션"),
    "def.attention_gradient": (
        "Attention times its positive gradient for the class, multiplied over blocks (Chefer 2021).",
        "어텐션에 클래스에 대한 양의 기울기를 곱하고 블록에 걸쳐 곱한 맵 (Chefer 2021).",
    ),
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
        "A map that is 1 everywhere but one pixel. A measure it does well on does not measure explanation (Poppi 2021).",
        "한 픽셀만 빼고 모두 1인 맵. 이 맵의 값이 좋은 지표는 설명을 재는 것이 아님 (Poppi 2021).",
    ),
    "name.control_edges": ("Edges of the film", "영상의 경계선"),
    "def.control_edges": (
        "Strength of the film’s own edges: what a map gains by tracing outlines, without any model (Adebayo 2018).",
        "영상 자체의 경계 세기: 모델 없이 윤곽만 따라가도 얻는 값 (Adebayo 2018).",
    ),
    "name.control_randomised": ("Random weights", "무작위 가중치"),
    "def.control_randomised": (
        "A map of the same network with redrawn weights: it has learnt nothing (Adebayo 2018).",
        "가중치를 다시 뽑은 같은 구조의 모델의 맵: 아무것도 배우지 않음 (Adebayo 2018).",
    ),
}
