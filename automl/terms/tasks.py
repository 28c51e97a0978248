"""The tasks, by HeatWave's names (mys-hwaml-ml-train)."""

from enum import StrEnum


class Task(StrEnum):
    """What a model is for."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    FORECASTING = "forecasting"
    ANOMALY = "anomaly_detection"
    LOG_ANOMALY = "log_anomaly_detection"
    RECOMMENDATION = "recommendation"
    TOPICS = "topic_modeling"


SUPERVISED = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
