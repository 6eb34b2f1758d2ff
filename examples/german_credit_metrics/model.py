"""Measures a scored credit data set: columns `label_value` (0 or 1) and `score` (0 to 1, or the predicted class).

Needs pandas only, so it runs in a runtime's default environment.
"""

THRESHOLD = 0.5


# modelop.metrics
def metrics(data):
    labels = data["label_value"].astype(int)
    scores = data["score"].astype(float)
    predicted = (scores >= THRESHOLD).astype(int)
    hits = int(((predicted == 1) & (labels == 1)).sum())
    false_alarms = int(((predicted == 1) & (labels == 0)).sum())
    misses = int(((predicted == 0) & (labels == 1)).sum())
    rejections = int(((predicted == 0) & (labels == 0)).sum())
    precision = hits / (hits + false_alarms) if hits + false_alarms else 0.0
    recall = hits / (hits + misses) if hits + misses else 0.0
    both = precision + recall
    yield {
        "auc": auc(labels, scores),
        "precision": precision,
        "recall": recall,
        "f1_score": 2 * precision * recall / both if both else 0.0,
        "accuracy": (hits + rejections) / len(data),
        "record_count": len(data),
        "confusion_matrix": [{"0": rejections, "1": false_alarms}, {"0": misses, "1": hits}],
    }


def auc(labels, scores):
    """The chance that a positive record scores above a negative one, ties counting half (Mann-Whitney)."""
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return None
    ranks = scores.rank(method="average")
    return (float(ranks[labels == 1].sum()) - positives * (positives + 1) / 2) / (positives * negatives)
