"""What sentence-transformers and FAISS take for the texts and vectors of `cargo bench -p tidegate-embedding`.

python bench/embedding_peers.py MODEL_DIR    (sentence-transformers, torch and faiss-cpu from PyPI; one thread each)
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import statistics
import sys
import time

import faiss
import numpy as np
import torch
from sentence_transformers import SentenceTransformer

MASK = (1 << 64) - 1
WORDS = (
    "please send the report before friday because our team needs time to check every number and write short answer "
    "for clients who asked about delivery price in this city last week again"
).split()


def numbers(state):
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) & MASK
        yield state >> 33


def texts(count, words):
    sequence = numbers(words)
    return [" ".join(WORDS[next(sequence) % 32] for _ in range(words)) for _ in range(count)]


def normal(sequence, count):
    drawn = np.array([next(sequence) for _ in range(12 * count)], dtype=np.float32)
    return (drawn / 2147483648.0).reshape(count, 12).sum(axis=1) - 6.0


def clouds(count):
    sequence = numbers(7)
    centres = normal(sequence, 64 * 384).reshape(64, 384)
    rows = np.stack([centres[next(sequence) % 64] + 1.5 * normal(sequence, 384) for _ in range(count)])
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def encoder(directory):
    torch.set_num_threads(1)
    started = time.perf_counter()
    model = SentenceTransformer(directory, device="cpu")
    model.encode(["hello"])
    print(f"sentence-transformers cold start {(time.perf_counter() - started) * 1e3:.0f} ms (imports not counted)")
    for words in (14, 62):
        batch = texts(512, words)
        tokens = statistics.mean(len(ids) for ids in model.tokenizer(batch)["input_ids"])
        rates = []
        for _ in range(3):
            started = time.process_time()
            model.encode(batch, batch_size=32, normalize_embeddings=True)
            rates.append(len(batch) / (time.process_time() - started))
        print(f"sentence-transformers batches of 32, {tokens:.1f} tokens: {statistics.median(rates):.0f} texts per CPU-second")
    took = []
    for text in texts(100, 30):
        started = time.perf_counter()
        model.encode([text], normalize_embeddings=True)
        took.append((time.perf_counter() - started) * 1e3)
    print(f"sentence-transformers one text, 32 tokens: p50 {statistics.median(took):.2f} ms")


def search():
    faiss.omp_set_num_threads(1)
    vectors = clouds(10_200)
    for rows in (1_000, 10_000):
        index = faiss.IndexFlatL2(384)
        index.add(vectors[:rows])
        took = []
        for query in vectors[rows : rows + 200]:
            started = time.perf_counter()
            index.search(query[None, :], 10)
            took.append((time.perf_counter() - started) * 1e6)
        print(f"faiss IndexFlatL2 {rows} x 384, k = 10: p50 {statistics.median(took):.0f} us")


encoder(sys.argv[1])
search()
