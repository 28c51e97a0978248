"""The names of algorithms that HeatWave has (mys-hwaml-ml-model-types), and what stands for each here.

The first name of a family is its own. A name that is listed is accepted in `model_list`; `algorithm_name` in the
metadata tells what was trained.
"""

from collections.abc import Mapping

from automl.terms.tasks import Task

LINEAR, PRODUCTS, BOOSTED, EXTRA, FOREST, TREE = "linear", "products", "boosted", "extra", "forest", "tree"
NETWORKS = "networks"
SUMS = frozenset({LINEAR, PRODUCTS})  # whose margins trees may begin at
WITHOUT_TREES = SUMS | {NETWORKS}

CLASSIFIERS: Mapping[str, str] = {
    "LogisticRegression": LINEAR,
    "LinearSVC": LINEAR,
    "SVC": LINEAR,
    "GaussianNB": LINEAR,
    "QuadraticLogisticRegression": PRODUCTS,
    "LGBMClassifier": BOOSTED,
    "XGBClassifier": BOOSTED,
    "ExtraTreesClassifier": EXTRA,
    "RandomForestClassifier": FOREST,
    "DecisionTreeClassifier": TREE,
    "MLPClassifier": NETWORKS,
}
REGRESSORS: Mapping[str, str] = {
    "LinearRegression": LINEAR,
    "LinearSVR": LINEAR,
    "SVR": LINEAR,
    "QuadraticRegression": PRODUCTS,
    "LGBMRegressor": BOOSTED,
    "XGBRegressor": BOOSTED,
    "ExtraTreesRegressor": EXTRA,
    "RandomForestRegressor": FOREST,
    "DecisionTreeRegressor": TREE,
    "MLPRegressor": NETWORKS,
}
FORECASTERS: Mapping[str, str] = {
    "NaiveForecaster": "naive",
    "ThetaForecaster": "theta",
    "ETSForecaster": "ets",
    "ExpSmoothForecaster": "ets",
    "STLwESForecaster": "ets",
    "LGBMForecaster": "lags",
    "STLwARIMAForecaster": "lags",
    "SARIMAXForecaster": "lags",
    "OrbitForecaster": "lags",
    "VARMAXForecaster": "lags",
    "DynFactorForecaster": "lags",
}
ANOMALY_DETECTORS: Mapping[str, str] = {"GkNN": "gknn", "PCA": "pca", "GLOF": "glof", "IsolationForest": "isolation"}
RECOMMENDERS: Mapping[str, str] = {
    "Baseline": "baseline",
    "NormalPredictor": "baseline",
    "ALS": "als",
    "CoClustering": "als",
    "SlopeOne": "als",
    "SVD": "als",
    "SVDpp": "als",
    "NMF": "als",
    "MatrixFactorization": "als",
    "TwoTower": "als",
    "BPR": "als",
    "CTR": "als",
    "EASE": "ease",
}
TOPIC_MODELS: Mapping[str, str] = {"NMF": "nmf", "LDA": "lda"}

OF_TASK: Mapping[Task, Mapping[str, str]] = {
    Task.CLASSIFICATION: CLASSIFIERS,
    Task.REGRESSION: REGRESSORS,
    Task.FORECASTING: FORECASTERS,
    Task.ANOMALY: ANOMALY_DETECTORS,
    Task.LOG_ANOMALY: {},
    Task.RECOMMENDATION: RECOMMENDERS,
    Task.TOPICS: TOPIC_MODELS,
}


def own_name(task: Task, family: str) -> str:
    """Give the name that a trained model has: the first that is listed for its family."""
    return next(name for name, each in OF_TASK[task].items() if each == family)


def chosen(task: Task, listed: tuple[str, ...], excluded: tuple[str, ...]) -> tuple[str, ...]:
    """Give the families that `model_list` and `exclude_model_list` leave, in the order of the table."""
    table = OF_TASK[task]
    wanted = [table[name] for name in listed] or list(table.values())
    barred = set() if listed else {table[name] for name in excluded}
    return tuple(family for family in dict.fromkeys(wanted) if family not in barred)
