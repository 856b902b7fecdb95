#!/usr/bin/env python3
"""Screening beside its peers: texts a second on the same texts in the same run, one thread each.

    pip install scikit-learn alt-profanity-check
    cargo bench -p tidegate-screening --bench screen --no-run
    bench/screening_peers.py DATA_DIR

Texts: the first 5000 of davidson_tweets and spam_sms, cut or filled up to 150 characters, none twice. Peers score in one
batch, which is the fastest they can do; ours scores text by text, with spans and flags, as the server does.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
LENGTH = 150
COUNT = 5000


def rows(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def texts(data):
    found = []
    for name in ("davidson_tweets", "spam_sms"):
        plain = [" ".join(row["text"].split()) for row in rows(data / f"{name}.jsonl")]
        joined = " ".join(plain)
        found += [joined[at : at + LENGTH] for at in range(0, len(joined) - LENGTH, LENGTH)][: COUNT // 2]
    return found


def rate(score, batch):
    best = 0.0
    for _ in range(3):
        start = time.perf_counter()
        score(batch)
        best = max(best, len(batch) / (time.perf_counter() - start))
    return best


def tfidf(data):
    """TF-IDF of words and characters with logistic regression, trained as the labelled sets' baseline is."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    train = rows(data / "surge_toxicity.jsonl") + rows(data / "davidson_tweets.jsonl")[:3000]
    model = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
        ),
        LogisticRegression(C=10, max_iter=300),
    )
    return model.fit([row["text"] for row in train], ["LOW_RISK" in row["labels"] for row in train]).predict_proba


def ours(batch):
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("\n".join(batch))
        file.flush()
        command = ["cargo", "bench", "-q", "-p", "tidegate-screening", "--bench", "screen"]
        run = subprocess.run(command, env={**os.environ, "TIDEGATE_TEXTS": file.name}, capture_output=True, text=True, check=True)
    return float(run.stdout.split()[-1])


def main():
    data = Path(sys.argv[1])
    batch = texts(data)
    peers = {"TF-IDF + logistic regression (one head)": tfidf(data)}
    from profanity_check import predict_prob

    peers["alt-profanity-check (one head)"] = predict_prob
    print(f"{len(batch)} texts of {LENGTH} characters")
    print(f"{'tidegate, tiers 0 and 1 (16 heads)':42} {ours(batch):>10.0f} texts/s")
    for name, score in peers.items():
        print(f"{name:42} {rate(score, batch):>10.0f} texts/s")


if __name__ == "__main__":
    main()
