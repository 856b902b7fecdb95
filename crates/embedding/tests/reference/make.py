"""Reference vectors: what sentence-transformers says about texts.json, as little-endian f32 in vectors.f32.

python make.py MODEL_DIR    (sentence-transformers 6.2.0, torch 2.15.0, CPU, f32)
"""

import json
import sys
from pathlib import Path

from sentence_transformers import SentenceTransformer

here = Path(__file__).parent
texts = json.loads((here / "texts.json").read_text(encoding="utf-8"))
model = SentenceTransformer(sys.argv[1], device="cpu")
model.max_seq_length = 256
# One text at a time: no padding takes part.
vectors = model.encode(texts, batch_size=1, normalize_embeddings=True, convert_to_numpy=True)
(here / "vectors.f32").write_bytes(vectors.astype("<f4").tobytes())
print(len(texts), vectors.shape)
