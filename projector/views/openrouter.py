"""OpenRouter's models, endpoints and providers as they stand, and the same with the time for which each row held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec

from eventstore import JSON
from projector.projection import Projection, periods, table
from projector.subject import Misfit, Subject

D = TypeVar("D")
R = TypeVar("R", bound=msgspec.Struct)

SOURCES: Final = ("openrouter", "openrouter-frontend")
LAST_SECOND: Final = 253_402_300_799  # of the year 9999
HISTORY: Final = "_history"


class _Architecture(msgspec.Struct):
    modality: str | None = None
    tokenizer: str | None = None
    instruct_type: str | None = None
    input_modalities: list[str] | None = None
    output_modalities: list[str] | None = None


class _TopProvider(msgspec.Struct):
    max_completion_tokens: int | None = None
    is_moderated: bool | None = None


class _Model(msgspec.Struct):
    name: str | None = None
    author: str | None = None
    canonical_slug: str | None = None
    permaslug: str | None = None
    hugging_face_id: str | None = None
    hf_slug: str | None = None
    created: int | float | None = None
    description: str | None = None
    context_length: int | None = None
    architecture: _Architecture | None = None
    top_provider: _TopProvider | None = None
    input_modalities: list[str] | None = None
    output_modalities: list[str] | None = None
    supported_parameters: list[str] | None = None


class ModelRow(msgspec.Struct, frozen=True):
    """A model. `variant` is what its key says behind the colon, `created_at` what the API says of when it came."""

    name: str | None
    author: str
    variant: str | None
    canonical_slug: str | None
    created_at: datetime | None
    context_length: int | None
    max_completion_tokens: int | None
    modality: str | None
    input_modalities: list[str] | None
    output_modalities: list[str] | None
    tokenizer: str | None
    instruct_type: str | None
    moderated: bool | None
    supported_parameters: list[str] | None
    hugging_face_id: str | None
    description: str | None


class _Endpoint(msgspec.Struct):
    name: str | None = None
    model_id: str | None = None
    provider_name: str | None = None
    tag: str | None = None
    provider_slug: str | None = None
    variant: str | None = None
    quantization: str | None = None
    context_length: int | None = None
    max_completion_tokens: int | None = None
    max_prompt_tokens: int | None = None
    supported_parameters: list[str] | None = None
    pricing: dict[str, JSON] | None = None


class EndpointRow(msgspec.Struct, frozen=True):
    """An endpoint: `model` is the key of the model that it serves, `provider` the name of who does.

    `discount` is the share that is taken off its prices, which stand in `prices`.
    """

    model: str | None
    name: str | None
    provider: str | None
    tag: str | None
    quantization: str | None
    context_length: int | None
    max_completion_tokens: int | None
    max_prompt_tokens: int | None
    supported_parameters: list[str] | None
    discount: float | None


class _Provider(msgspec.Struct):
    name: str | None = None
    displayName: str | None = None  # noqa: N815  # the API's own word
    slug: str | None = None
    headquarters: str | None = None
    datacenters: list[str] | None = None
    privacy_policy_url: str | None = None
    terms_of_service_url: str | None = None
    status_page_url: str | None = None


class ProviderRow(msgspec.Struct, frozen=True):
    """Who serves models. Endpoints name it by `name`."""

    name: str | None
    slug: str | None
    headquarters: str | None
    datacenters: list[str] | None
    privacy_policy_url: str | None
    terms_of_service_url: str | None
    status_page_url: str | None


def _models(subject: Subject, model: _Model) -> Iterator[ModelRow | Misfit]:
    plain, _, variant = subject.key.partition(":")
    architecture, top = model.architecture or _Architecture(), model.top_provider or _TopProvider()
    if model.created is not None and not 0 <= model.created <= LAST_SECOND:
        yield Misfit("no time: seconds since 1970 are expected", "$.created")
    yield ModelRow(
        name=model.name,
        author=model.author or plain.partition("/")[0],
        variant=variant or None,
        canonical_slug=model.canonical_slug or model.permaslug,
        created_at=_time(model.created),
        context_length=model.context_length,
        max_completion_tokens=top.max_completion_tokens,
        modality=architecture.modality,
        input_modalities=_set(architecture.input_modalities or model.input_modalities),
        output_modalities=_set(architecture.output_modalities or model.output_modalities),
        tokenizer=architecture.tokenizer,
        instruct_type=architecture.instruct_type,
        moderated=top.is_moderated,
        supported_parameters=_set(model.supported_parameters),
        hugging_face_id=model.hugging_face_id or model.hf_slug,
        description=model.description,
    )


def _endpoints(subject: Subject, endpoint: _Endpoint) -> Iterator[EndpointRow]:
    discount = (endpoint.pricing or {}).get("discount")
    yield EndpointRow(
        model=subject.parent or endpoint.model_id,
        name=endpoint.name,
        provider=endpoint.provider_name,
        tag=endpoint.tag or endpoint.provider_slug,
        quantization=endpoint.quantization,
        context_length=endpoint.context_length,
        max_completion_tokens=endpoint.max_completion_tokens,
        max_prompt_tokens=endpoint.max_prompt_tokens,
        supported_parameters=_set(endpoint.supported_parameters),
        discount=float(discount) if isinstance(discount, int | float) else None,
    )


def _providers(_: Subject, provider: _Provider) -> Iterator[ProviderRow]:
    yield ProviderRow(
        name=provider.name or provider.displayName,
        slug=provider.slug,
        headquarters=provider.headquarters,
        datacenters=provider.datacenters,
        privacy_policy_url=provider.privacy_policy_url,
        terms_of_service_url=provider.terms_of_service_url,
        status_page_url=provider.status_page_url,
    )


def _set(values: list[str] | None) -> list[str] | None:
    """An array whose order says nothing: a quarter of all changes of supported parameters only shuffle them."""
    return None if values is None else sorted(set(values))


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None or not 0 <= seconds <= LAST_SECOND else datetime.fromtimestamp(seconds, UTC)


def _both(
    name: str,
    category: str,
    document: type[D],
    row: type[R],
    function: Callable[[Subject, D], Iterable[R | Misfit]],
    indexes: tuple[tuple[str, ...], ...] = (),
) -> tuple[Projection[Any], Projection[Any]]:
    """A view of what stands, and its history, from one function."""
    reads = [f"{source}.{category}" for source in SOURCES]
    now = table(name, version=1, reads=reads, document=document, row=row, indexes=indexes)
    then = periods(
        f"{name}{HISTORY}", version=1, reads=reads, document=document, row=row, indexes=(*indexes, ("valid_from",))
    )
    return now(function), then(function)


models, models_history = _both("models", "model", _Model, ModelRow, _models, (("author",),))
endpoints, endpoints_history = _both(
    "endpoints", "endpoint", _Endpoint, EndpointRow, _endpoints, (("model",), ("provider",))
)
providers, providers_history = _both("providers", "provider", _Provider, ProviderRow, _providers, (("name",),))
