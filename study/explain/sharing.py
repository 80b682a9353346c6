"""One pass over the films for several methods.

Most methods ask the same questions of the model: a layer's feature maps and their gradients, or the gradient by
the pixels. A method that is marked by `by_chunk` sees a few films at a time. `one_pass` takes each such chunk to
all methods in turn, and what they ask of it through a function marked by `asked_once` is worked out for the first
and handed to the others. It is forgotten with the chunk, so that memory does not grow with the number of films.

Only the very tensor of the chunk counts as asked before, never an equal one: noisy or masked copies of the films,
and models whose weights were redrawn, always get their own answer. The memo lives in a context variable, of which
every thread has its own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

import torch
from torch import Tensor

from study.explain.gradients import chunks
from study.records import Classifier

F = TypeVar("F", bound=Callable[..., Any])


class Call(NamedTuple):
    """A method and what it is called with beside classifier, images and targets."""

    method: Callable[..., Tensor]
    parameters: Mapping[str, Any]


class _Memo(NamedTuple):
    """Answers about one chunk of films, each with its question, whose arguments must outlive the answer."""

    films: Tensor
    answers: dict[Any, tuple[Any, Any]]


_MEMO: ContextVar[_Memo | None] = ContextVar("memo", default=None)


def by_chunk(method: F) -> F:
    """Lets a method that explains a few films explain any number, and take part in `one_pass`.

    Args:
        method: (classifier, images, targets, **parameters) -> maps [b, h, w]; explains each film by itself.
    """

    @wraps(method)
    def whole(classifier: Classifier, images: Tensor, targets: Tensor, **parameters: Any) -> Tensor:
        pieces = _pieces(images)
        return torch.cat([method(classifier, images[p], targets[p], **_rows(parameters, p)) for p in pieces])

    cast(Any, whole).on_a_chunk = method
    return cast(F, whole)


def asked_once(question: F) -> F:
    """Remembers what was asked about the films of the current chunk, while `one_pass` is at work.

    Args:
        question: a function of tensors, modules and strings, one of which is the films, and of nothing else:
            a model must not change while it is asked. Who gets the answer must not change it.
    """

    @wraps(question)
    def asked(*arguments: Any) -> Any:
        memo = _MEMO.get()
        if memo is None or not any(argument is memo.films for argument in arguments):
            return question(*arguments)
        key = (question, *(argument if isinstance(argument, str) else id(argument) for argument in arguments))
        if key not in memo.answers:
            memo.answers[key] = (arguments, question(*arguments))
        return memo.answers[key][1]

    return cast(F, asked)


def one_pass(calls: Sequence[Call], classifier: Classifier, images: Tensor, targets: Tensor) -> list[Tensor]:
    """Maps of each call, bit for bit those of calling the methods one by one.

    Args:
        calls: methods, marked by `by_chunk` or not; those that are not explain all films at once and share nothing.
        classifier: that is explained.
        images: [B, C, H, W].
        targets: [B].
    """
    sharing = [place for place, call in enumerate(calls) if hasattr(call.method, "on_a_chunk")]
    parts: dict[int, list[Tensor]] = {place: [] for place in sharing}
    for piece in _pieces(images) if sharing else ():
        films, classes = images[piece], targets[piece]
        with _remembering(films):
            for place in sharing:
                on_a_chunk = cast(Any, calls[place].method).on_a_chunk
                parts[place].append(on_a_chunk(classifier, films, classes, **_rows(calls[place].parameters, piece)))
    return [
        torch.cat(parts[place]) if place in parts else call.method(classifier, images, targets, **call.parameters)
        for place, call in enumerate(calls)
    ]


@contextmanager
def _remembering(films: Tensor) -> Iterator[None]:
    token = _MEMO.set(_Memo(films, {}))
    try:
        yield
    finally:
        _MEMO.reset(token)


def _pieces(images: Tensor) -> list[slice]:
    """The chunks that gradients are taken in; of no films, one chunk without any."""
    return list(chunks(len(images), (images.shape[-2], images.shape[-1]))) or [slice(0, 0)]


def _rows(parameters: Mapping[str, Any], piece: slice) -> dict[str, Any]:
    """The parameters for a chunk: of the seeds, one per film, those of its films."""
    return {key: value[piece] if key == "seeds" else value for key, value in parameters.items()}
