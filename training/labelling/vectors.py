"""Where reviews lie: the encoder's own vectors, which a bundle's network does not give but holds."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx

from model.bundle import NETWORK
from model.infer import Network
from model.normalise import normalise
from model.predictor import AT_ONCE, Predictor
from training.errors import DataError

LAST_LAYER_TAKEN = (
    ["Identity", "LayerNormalization"],
    ["GatherND", "Reshape", "LayerNormalization"],
)  # the latter before rows.py


def encoder_vectors(predictor: Predictor, reviews: list[tuple[str, ...]]) -> np.ndarray:
    """A vector a review, (reviews, width of the encoder): the mean of its last layer where the sentences start.

    Raises DataError for a bundle whose network was not made by `training retrain`.
    """
    network = _opened(predictor.bundle.path(NETWORK))
    found = []
    for first in range(0, len(reviews), AT_ONCE):
        clean = [[normalise(sentence).text for sentence in review] for review in reviews[first : first + AT_ONCE]]
        encoded = predictor.encoder.encode(clean)
        vectors = iter(network.run([window for windows in encoded for window in windows]))
        found += [np.concatenate([next(vectors) for _ in windows]).mean(0) for windows in encoded]
    return np.array(found)


def places(vectors: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Unit vectors from the centre, so that cosines tell reviews apart: all sentences share most of an encoder's vector."""
    away = vectors - centre
    return away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)


def _opened(path: Path) -> Network:
    """The network, cut off where it takes the sentence starts out of the last layer."""
    model = onnx.load(path)
    found, output = _last_layer(model.graph), model.graph.output[0].name
    if found is None:  # a network may stand in a loop whole (training/lengths.py): then the loop gives its last layer
        loops = [attribute.g for node in model.graph.node for attribute in node.attribute if attribute.g.node]
        for graph in loops:
            if inside := _last_layer(graph):
                next(node for node in graph.node if node.output[0] == f"{output}_made").input[0] = inside
                found = output
    if found is None:
        raise DataError(f"{path}: the encoder's last layer is not found in this network; make the bundle with `training retrain`")
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info(found, onnx.TensorProto.FLOAT, None))
    with TemporaryDirectory() as folder:
        onnx.save(model, Path(folder) / NETWORK)
        return Network.load(Path(folder) / NETWORK)


def _last_layer(graph: onnx.GraphProto) -> str | None:
    """What takes the sentence starts out of the last layer, by its output; None where not one node does."""
    made_by = {output: node for node in graph.node for output in node.output}
    taken = [node.output[0] for node in graph.node for way in LAST_LAYER_TAKEN if _chain(node, made_by)[: len(way)] == way]
    return taken[0] if len(taken) == 1 else None


def _chain(node: onnx.NodeProto, made_by: dict[str, onnx.NodeProto]) -> list[str]:
    """The operators a node's data comes through: its own and the two before."""
    found = [node]
    while len(found) < 3 and found[-1].input and found[-1].input[0] in made_by:
        found.append(made_by[found[-1].input[0]])
    return [one.op_type for one in found]
