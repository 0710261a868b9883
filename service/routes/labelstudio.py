"""`/labelstudio/…`: Label Studio's protocol for a machine-learning backend, so that annotators see what the model thinks.

Tag names come from the labelling config that Label Studio posts. Nothing is stored, and nothing is trained here.
"""

from dataclasses import dataclass
from typing import Annotated, Any
from xml.etree.ElementTree import Element, ParseError, fromstring

from fastapi import APIRouter
from pydantic import BaseModel, Field

from model.predictor import Predictor
from model.score import Result
from model.taxonomy import Taxonomy
from service.context import Asked, within_reviews
from service.dependencies import PredictorHere, ReaderHere
from service.errors import RequestError
from service.schemas import ErrorOut, Many
from service.seen import Seen

TRAINS_ELSEWHERE = (
    "This service does not train. Export the project as JSON; then `python -m training label convert`, `training retrain`, "
    "`training compare`, and reload the new bundle: docs/labelling.md"
)

MOST_TAGS = 20  # for a text; there are some five lenses
Config = Annotated[str, Field(max_length=50_000)]  # ours has 14,000: reading more, or many tags a task, would hold the event loop

router = APIRouter(prefix="/labelstudio", tags=["labelstudio"], responses={422: {"model": ErrorOut}})


class SetupIn(BaseModel):
    """A project with its labelling config."""

    label_config: Config = Field(default="", alias="schema")


class TaskIn(BaseModel):
    """A task. With `blind` in its data nothing is predicted for it: pre-filled labels sway annotators. With `review`, a text
    that is a sentence of it is read within it."""

    data: dict[str, Any]


class PredictIn(BaseModel):
    """Tasks to predict, and the labelling config of their project."""

    tasks: Many[TaskIn]
    label_config: Config


class EventIn(BaseModel):
    """An event in Label Studio."""

    action: str = ""


@dataclass(frozen=True)
class Tag:
    """A `<Choices>` tag: its names, the variable that holds its text, the choice of each output it offers."""

    name: str
    to_name: str
    variable: str
    multiple: bool
    choices: dict[str, str]


@router.get("/health", summary="Label Studio asks whether the backend is up")
async def health() -> dict[str, str]:
    return {"status": "UP", "model_class": "Snaar"}


@router.post("/setup", summary="Label Studio asks whether the backend can serve a project")
async def setup(request: SetupIn, predictor: PredictorHere) -> dict[str, str]:
    if request.label_config:
        read_config(request.label_config, predictor.taxonomy)
    return {"model_version": version_of(predictor)}


@router.post("/predict", summary="Predictions for tasks, by the tags of their labelling config")
async def predict(request: PredictIn, reader: ReaderHere) -> dict[str, Any]:
    predictor = reader.model.predictor
    tags = read_config(request.label_config, predictor.taxonomy)
    if request.tasks:
        reader.check_count("tasks", len(request.tasks))
    asked = sorted({one for task in request.tasks for tag in tags if (one := asked_of(task, tag))}, key=lambda one: one.text)
    reader.check_room()
    found = await reader.in_time(within_reviews(predictor, asked, max_characters=reader.settings.max_characters))
    alone = [one for one in asked if one not in found]
    found |= dict(zip(alone, await reader.read([one.text for one in alone]), strict=True))
    Seen.of(reader.request.scope).reviews = len(asked)
    return {
        "results": [prediction(task, tags, found, predictor) for task in request.tasks],
        "model_version": version_of(predictor),
    }


@router.post("/webhook", summary="Label Studio tells of an event; asks for training may come this way too")
async def webhook(event: EventIn) -> dict[str, str]:
    if event.action == "START_TRAINING":
        return await train()
    return {"status": "ignored"}


@router.post("/train", status_code=501, summary="Not here: training is `python -m training retrain`")
async def train() -> dict[str, str]:
    """Refused, so that Label Studio does not wait for a training that never ends. The line of the request in the log says that
    somebody asked."""
    raise RequestError(501, "trains_elsewhere", TRAINS_ELSEWHERE)


def read_config(config: str, taxonomy: Taxonomy) -> list[Tag]:
    """The `<Choices>` tags that offer labels of ours. Raises RequestError where there is none, or very many."""
    try:
        if "<!DOCTYPE" in config or "<!ENTITY" in config:
            raise ParseError
        root = fromstring(config)
    except ParseError as error:
        raise RequestError(422, "invalid_config", "the labelling config is not XML") from error
    variables = {tag.get("name"): tag.get("value", "")[1:] for tag in root.iter() if tag.get("value", "").startswith("$")}
    named = names_of(taxonomy)
    tags = [_tag(choices, variables, named) for choices in root.iter("Choices") if choices.get("toName") in variables]
    usable = [tag for tag in tags if tag.choices]
    if not usable:
        known = " ".join(taxonomy.output_names)
        raise RequestError(422, "invalid_config", f"no <Choices> for a text offers a label of ours, as value or alias: {known}")
    if len(usable) > MOST_TAGS:
        raise RequestError(422, "invalid_config", f"more than {MOST_TAGS} <Choices> offer labels of ours; keep one a lens")
    return usable


def names_of(taxonomy: Taxonomy) -> dict[str, str]:
    """What a choice may be called → output: its name, its code, or its Dutch or English name with the sign."""
    found = {}
    for output in taxonomy.outputs:
        written = [f"{name} {output.sign}".strip() for name in (output.label.name_nl, output.label.name_en)]
        for name in (output.name, output.code, *written, *(name.replace("-", "−") for name in written)):
            found[name.lower()] = output.name
    return found


def _tag(choices: Element, variables: dict[str | None, str], named: dict[str, str]) -> Tag:
    offered = [choice.get("alias", choice.get("value", "")) for choice in choices.iter("Choice")]
    by_output = {named[name.lower()]: name for name in offered if name.lower() in named}
    to_name = choices.get("toName", "")
    return Tag(choices.get("name", ""), to_name, variables[to_name], choices.get("choice") == "multiple", by_output)


def asked_of(task: TaskIn, tag: Tag) -> Asked | None:
    """What is to be read for a tag; None for a task that is blind or holds no text. With `review` in its data that is the whole."""
    text, whole = task.data.get(tag.variable), task.data.get("review")
    if not isinstance(text, str) or task.data.get("blind"):
        return None
    return Asked(text, whole if isinstance(whole, str) else "")


def prediction(task: TaskIn, tags: list[Tag], found: dict[Asked, Result], predictor: Predictor) -> dict[str, Any]:
    """One task's labels above their thresholds, a region a tag with the score of each choice; `score`: how sure of the least sure output.

    Empty for a task that is blind or holds no text that can be read.
    """
    regions, sure = [], []
    for tag in tags:
        asked = asked_of(task, tag)
        result = found[asked] if asked else None
        if result is None or result.status == "error":
            continue
        scores = {label.id + label.sign: label.score for label in result.labels if label.id + label.sign in tag.choices}
        ranked = sorted(scores, key=lambda name: -scores[name])[: None if tag.multiple else 1]
        sure += [max(result.scores[name], 1 - result.scores[name]) for name in tag.choices]
        if ranked:
            chosen = {tag.choices[name]: scores[name] for name in ranked}
            regions.append(
                {
                    "id": tag.name, "from_name": tag.name, "to_name": tag.to_name, "type": "choices",
                    "value": {"choices": list(chosen)}, "score": min(chosen.values()), "meta": {"scores": chosen},
                }
            )  # fmt: skip
    return {"result": regions, "score": round(min(sure, default=0.0), 4), "model_version": version_of(predictor)}


def version_of(predictor: Predictor) -> str:
    """Names the bundle, so that Label Studio keeps the predictions of two bundles apart."""
    manifest = predictor.bundle.manifest
    return f"{manifest.name}-{manifest.version}-{predictor.bundle.sha256[:8]}"
