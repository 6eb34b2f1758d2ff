"""Writes the example's data, taken from the scikit-learn package itself, as JSON lines.

    python prepare.py FOLDER      (in the model's own environment: requirements.txt)

Split by a fixed rule: every fourth record is test data, the others are training data. `label_value` is 1 for malignant.
"""

import json
import sys
from pathlib import Path


def data():
    """(training records, test records) of the Wisconsin breast cancer data, 30 measurements each."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in bunch.feature_names]
    records = []
    for number, (row, target) in enumerate(zip(bunch.data, bunch.target)):
        values = {name: float(value) for name, value in zip(names, row)}
        # scikit-learn counts malignant as 0; the class that matters is our positive one
        records.append({"id": number, **values, "label_value": 1 - int(target)})
    training = [record for record in records if record["id"] % 4 != 0]
    test = [record for record in records if record["id"] % 4 == 0]
    return training, test


def write(folder):
    """training_data.json and test_data.json are in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, records in zip(("training_data.json", "test_data.json"), data()):
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (folder / name).write_text(lines, encoding="utf-8")
        print(f"{name}: {len(records)} records")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
