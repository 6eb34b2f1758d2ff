"""Tells malignant from benign breast tumours by 30 measurements of cell nuclei.

A logistic regression on standardised measurements. The trained model is `model.json`, plain numbers that a reviewer can
read, so scoring needs neither pickle nor scikit-learn. `score` is the probability of a malignant tumour.
"""

import json
import math

THRESHOLD = 0.5
LABEL = "label_value"  # 1 malignant, 0 benign
SCORE = "score"

model = {}


# modelop.init
def begin(init_param):
    """Loads the coefficients; a job without a trained model may still train."""
    try:
        with open("model.json") as file:
            model.update(json.load(file))
    except FileNotFoundError:
        print("no model.json among the assets: train first")


def probability(record):
    total = model["intercept"]
    for feature in model["features"]:
        standardised = (record[feature["name"]] - feature["mean"]) / feature["scale"]
        total += feature["coefficient"] * standardised
    return 1 / (1 + math.exp(-max(-700.0, min(700.0, total))))


# modelop.score
def action(record):
    score = probability(record)
    yield {"id": record.get("id"), SCORE: score, "prediction": "malignant" if score >= THRESHOLD else "benign"}


# modelop.metrics
def metrics(data):
    """Measures the model on labelled records; records that carry no score are scored first."""
    from sklearn.metrics import confusion_matrix, roc_auc_score, roc_curve
    from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

    if LABEL not in data.columns:
        raise ValueError(f"the test data has no column {LABEL!r}")
    labels = data[LABEL].astype(int)
    if SCORE in data.columns:
        scores = data[SCORE].astype(float)
    else:
        scores = [probability(record) for record in data.to_dict(orient="records")]
    predicted = [int(score >= THRESHOLD) for score in scores]
    matrix = confusion_matrix(labels, predicted, labels=[0, 1])
    false_positives, true_positives, _thresholds = roc_curve(labels, scores)
    figures = {
        "auc": roc_auc_score(labels, scores),
        "precision": precision_score(labels, predicted, zero_division=0),
        "recall": recall_score(labels, predicted, zero_division=0),
        "f1_score": f1_score(labels, predicted, zero_division=0),
        "accuracy": accuracy_score(labels, predicted),
    }
    curve = [{"fpr": fpr, "tpr": tpr} for fpr, tpr in zip(false_positives, true_positives)]
    cells = [{"0": row[0], "1": row[1]} for row in matrix]
    yield {
        **figures,
        "record_count": len(data),
        "confusion_matrix": cells,
        "ROC": curve,
        "performance": [
            {
                "test_name": "Classification Metrics",
                "test_category": "performance",
                "test_type": "classification_metrics",
                "test_id": "performance_classification_metrics",
                "values": {**figures, "confusion_matrix": cells},
            }
        ],
    }


# modelop.train
def train(data):
    """Fits the regression and leaves `model.json` in outputDir."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    names = [name for name in data.columns if name not in ("id", LABEL, SCORE)]
    scaler = StandardScaler().fit(data[names].to_numpy())
    fitted = LogisticRegression(C=1.0, max_iter=1000).fit(scaler.transform(data[names].to_numpy()), data[LABEL])
    trained = {
        "kind": "logistic regression on standardised features",
        "positive_class": "malignant",
        "trained_on_records": len(data),
        "intercept": round(float(fitted.intercept_[0]), 12),
        "features": [
            {
                "name": name,
                "mean": round(float(mean), 12),
                "scale": round(float(scale), 12),
                "coefficient": round(float(coefficient), 12),
            }
            for name, mean, scale, coefficient in zip(names, scaler.mean_, scaler.scale_, fitted.coef_[0])
        ],
    }
    with open("outputDir/model.json", "w") as file:
        json.dump(trained, file, indent=1)
        file.write("\n")
    print(f"trained on {len(data)} records with {len(names)} features")
