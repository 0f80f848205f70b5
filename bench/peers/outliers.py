"""Peers of `npm run bench -- trees`: outliers.py POINTS.csv TREES HEIGHT WINDOW SEEDS -> one JSON object by model.

Scores every point in stream order (River scores, then learns, once per seed; PyOD's forest is trained on the first
half) and states CPU seconds and scores. Points lie between 0 and 1, as River's half-space trees ask for.
"""
import csv
import json
import sys
import time

import numpy as np
from pyod.models.iforest import IForest
from river import anomaly

path, trees, height, window = sys.argv[1], *map(int, sys.argv[2:5])
with open(path) as file:
    points = np.array([[float(value) for value in row] for row in csv.reader(file)])
rows = [dict(enumerate(map(float, row))) for row in points]
result = {"river": []}
for seed in map(int, sys.argv[5].split(",")):
    river = anomaly.HalfSpaceTrees(n_trees=trees, height=height, window_size=window, seed=seed)
    scores = []
    started = time.process_time()
    for row in rows:
        scores.append(river.score_one(row))
        river.learn_one(row)
    result["river"].append({"cpu_s": time.process_time() - started, "points": len(rows), "scores": scores})

forest = IForest(n_estimators=100, max_samples=256, random_state=1)
forest.fit(points[: len(points) // 2])
one_by_one = points[:200]
started = time.process_time()
for point in one_by_one:
    forest.decision_function(point.reshape(1, -1))
single = (time.process_time() - started) / len(one_by_one)
started = time.process_time()
scores = forest.decision_function(points).tolist()
result["pyod"] = {
    "cpu_s": time.process_time() - started,
    "points": len(points),
    "cpu_s_per_single_point": single,
    "scores": scores,
}
print(json.dumps(result))
