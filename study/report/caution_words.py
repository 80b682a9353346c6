"""Warnings of a study in both languages: the words of every kind of `Caution`."""

from __future__ import annotations

from collections.abc import Mapping

CAUTION_WORDS: Mapping[str, tuple[str, str]] = {
    "caution.unreadable": (
        "Data ‘{name}’: {k} of {n} files could not be read and were left out; section 9 lists them.",
        "데이터 ‘{name}’: 파일 {n}개 중 {k}개를 읽지 못해 제외함; 9절에 목록이 있음.",
    ),
    "caution.mixed_host": (
        "Training stages were made on {n} different computers.",
        "학습 단계가 서로 다른 컴퓨터 {n}대에서 실행됨.",
    ),
    "caution.mixed_device": (
        "Training stages were made on {n} different devices.",
        "학습 단계가 서로 다른 장치 {n}종에서 실행됨.",
    ),
    "caution.mixed_versions": (
        "Training stages were made with {n} different sets of software versions.",
        "학습 단계에 쓰인 소프트웨어 버전 조합이 서로 다름: {n}가지.",
    ),
    "caution.saturated": (
        "{arm}, seed {seed}: the proxy task is saturated (accuracy {accuracy:.3f}).",
        "{arm}, 시드 {seed}: 대리 과제가 포화됨(정확도 {accuracy:.3f}).",
    ),
    "caution.unlearnt": (
        "{arm}, seed {seed}: the proxy task was hardly learnt (accuracy {accuracy:.3f}, chance {chance:.3f}).",
        "{arm}, 시드 {seed}: 대리 과제를 거의 학습하지 못함(정확도 {accuracy:.3f}, 우연 수준 {chance:.3f}).",
    ),
    "caution.unseen_centre": (
        "{arm}: the masks hide {share:.1%} of the central patches, so the encoder hardly ever sees the centre.",
        "{arm}: 마스크에 가려진 중앙 패치 {share:.1%}; 인코더가 중앙을 거의 보지 못함.",
    ),
    "caution.pasted_letters": (
        "{arm}: in {share:.0%} of the training films the most salient place is the side letter, so saliencymix mostly "
        "pastes letters; saliency_ignores: marker leaves it out.",
        "{arm}: 학습 영상 {share:.0%}에서 가장 두드러진 곳이 좌우 표시 글자이므로 saliencymix가 주로 글자를 붙임; "
        "saliency_ignores: marker 설정으로 제외할 수 있음.",
    ),
}
