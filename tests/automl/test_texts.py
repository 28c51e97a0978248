"""Topics of texts, and strange stretches of logs."""

import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from automl.anomaly.logs import windows
from automl.api import AutoMLError, load_model, predict, predict_row, read_options, score, train
from automl.table.source import Source
from tests.automl.tables import source

THEMES = {
    "sea": ["harbour", "ship", "sail", "captain", "wave", "anchor", "tide"],
    "kitchen": ["flour", "oven", "butter", "sugar", "recipe", "bake", "dough"],
    "court": ["judge", "verdict", "lawyer", "trial", "jury", "evidence", "crime"],
}


def texts(rows: int = 240, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts of ten words of one theme each, and their themes."""
    dice = np.random.default_rng(seed)
    themes = dice.choice(list(THEMES), rows).tolist()
    return [" ".join(dice.choice(THEMES[theme], 8)) + " and the house" for theme in themes], themes


@pytest.mark.parametrize("name", ["NMF", "LDA"])
def test_topics_are_found_again(name: str) -> None:
    words, themes = texts()
    raw = {"task": "topic_modeling", "document_column": "body", "model_list": [name]}
    model = train(source("news.items", body=words), None, read_options(raw))
    table = predict(model, source("news.items", body=words))
    found = table["Prediction"].to_pylist()
    pairs = Counter(zip(found, themes, strict=True))
    purity = sum(max(pairs[topic, theme] for theme in THEMES) for topic in set(found)) / len(found)
    assert purity > 0.95
    value = json.loads(table["ml_results"][0].as_py())
    assert set(value["predictions"]["tags"]) <= set(THEMES[themes[0]])
    assert sum(value["probabilities"].values()) == pytest.approx(1, abs=0.01)
    assert predict_row(model, {"BODY": words[0]})["ml_results"] == value
    assert predict_row(model, {"body": None})["ml_results"]["predictions"]["tags"]
    assert predict(load_model(model.to_bytes()), source("news.items", body=words)).equals(table)


def test_topics_of_nothing_are_refused() -> None:
    raw = {"task": "topic_modeling", "document_column": "body"}
    with pytest.raises(AutoMLError, match="needs 10 texts"):
        train(source(body=["a b"] * 3), None, read_options(raw))
    with pytest.raises(AutoMLError, match="too few words"):
        train(source(body=[f"w{each}" for each in range(50)]), None, read_options(raw))
    with pytest.raises(AutoMLError, match="Did you mean 'body'"):
        train(source(body=["a b"] * 30), None, read_options({**raw, "document_column": "bodi"}))


def logs(rows: int = 3000, seed: int = 0, broken: bool = False) -> tuple[Source, NDArray[np.int64]]:
    """Requests that begin, read and end, on two hosts; when broken a stretch of errors."""
    dice = np.random.default_rng(seed)
    lines, host, bad = [], [], np.zeros(rows, int)
    kinds = [
        "request {} from 10.0.{}.{} begins",
        "read block {} of file /var/data/{} in {} ms",
        "request {} ends with {} after {} s",
    ]
    for each in range(rows):
        numbers = dice.integers(0, 256, 3).tolist()
        lines.append(kinds[each // 2 % 3].format(*numbers))
        host.append("ab"[each % 2])
    if broken:
        for place in range(1500, 1530):
            lines[place] = f"disk error {dice.integers(0, 99)} while writing sector {dice.integers(0, 99)}"
            bad[place] = 1
    return source("ops.log", line=lines, host=host, bad=bad), bad


def test_a_strange_stretch_of_a_log_is_found() -> None:
    raw = {"task": "log_anomaly_detection", "logad_options": {"log_source_column": "host", "window_size": 6}}
    model = train(logs()[0].keep(["line", "host"]), None, read_options(raw))
    assert model.about["hyperparameters"]["templates"] == 3
    rows, bad = logs(seed=1, broken=True)
    found = predict(model, rows)["Prediction"].to_numpy()
    assert found[bad == 1].mean() > 0.9
    assert found[bad == 0].mean() < 0.05
    area = score(model, rows, "bad", "roc_auc")
    assert area is not None
    assert area > 0.95
    again = load_model(model.to_bytes())
    assert predict(again, rows).equals(predict(model, rows))
    assert (
        predict_row(model, {"line": "disk error 7 while writing sector 1", "host": "a"})["ml_results"]["predictions"][
            "is_anomaly"
        ]
        == 1
    )

    asked = {"logad_options": {"summarize_logs": True, "summary_threshold": 0.6}}
    told = predict(model, rows, asked)
    written = {"logad_options": {"summarize_logs": "true", "summary_threshold": "0.6"}}
    assert predict(model, rows, written).equals(told)
    for place, text in enumerate(told["ml_results"].to_pylist()):
        parts = json.loads(text)
        assert (parts["summary"] is not None) == (parts["probabilities"]["anomaly"] >= 0.6), place
    shown = json.loads(told["ml_results"][1510].as_py())["summary"]
    assert shown.endswith("not seen in training: disk error <*> while writing sector <*>")
    assert shown.startswith(("5 of 6", "6 of 6"))
    for wrong in ({"summarise_logs": True}, {"summarize_logs": "yes"}, {"summary_threshold": 2}):
        with pytest.raises(AutoMLError, match="summar"):
            predict(model, rows, {"logad_options": wrong})


def test_lines_of_the_training_are_strange_as_well() -> None:
    lines = [f"user {each} logged in" if each % 2 else f"request {each} served" for each in range(600)]
    lines[300] = "kernel panic at 0x12c unknown fault"
    known = source(line=lines)
    model = train(known, None, read_options({"task": "log_anomaly_detection", "contamination": 0.02}))
    found = predict(model, known)["Prediction"].to_pylist()
    assert found[300] == 1
    assert sum(found) < 60


def test_windows_cover_every_line() -> None:
    origins = np.array([0, 1, 0, 0, 1, 0, 0, 0, 1, 0])
    order, starts, ends = windows(origins, 3, 2)
    covered = np.concatenate([np.arange(first, last) for first, last in zip(starts, ends, strict=True)])
    assert set(covered) == set(range(10))
    for first, last in zip(starts, ends, strict=True):
        assert len(set(origins[order[first:last]])) == 1


def test_patterns_mask_more() -> None:
    lines = [f"user {name} logs in" for name in ("ann", "bob", "cid", "dan")] * 40
    raw = {"task": "log_anomaly_detection", "logad_options": {"additional_masking_regex": ["ann|bob|cid|dan"]}}
    model = train(source(line=lines), None, read_options(raw))
    assert model.about["hyperparameters"]["templates"] == 1
    raw = {"task": "log_anomaly_detection", "logad_options": {"additional_masking_regex": ["(?<=x)y"]}}
    with pytest.raises(AutoMLError, match="pattern that cannot be used"):
        train(source(line=lines), None, read_options(raw))


def test_what_is_no_log_is_refused() -> None:
    with pytest.raises(AutoMLError, match="no text column"):
        train(source(x=[1.0] * 60), None, read_options({"task": "log_anomaly_detection"}))
    with pytest.raises(AutoMLError, match="needs 50 lines"):
        train(source(line=["a"] * 5), None, read_options({"task": "log_anomaly_detection"}))
    model = train(
        source(line=[f"step {each % 3}" for each in range(200)]), None, read_options({"task": "log_anomaly_detection"})
    )
    with pytest.raises(AutoMLError, match="lacks the column 'line'"):
        predict(model, Source("x", (), pa.table({})))
