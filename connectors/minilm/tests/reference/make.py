"""Makes vectors.json, the reference that the tests compare with: texts of our own, and what the Python package
sentence-transformers makes of them on the same weights, in 32-bit floats on a CPU.

    python make.py MODEL_DIR > vectors.json

MODEL_DIR is the folder `model` inside the package that `model-package.txt` names. Each text goes through alone, so that
no padding touches it.
"""

import json
import sys

import sentence_transformers
import torch
from sentence_transformers import SentenceTransformer

LONG = " ".join(
    f"At {hour:02d}:{minute:02d} UTC the checkout service answered {hour * 60 + minute} requests, of which {minute} failed."
    for hour in range(3)
    for minute in range(0, 60, 7)
)

TEXTS = [
    "",
    " ",
    "\n\t \r\n",
    ".",
    "ok",
    "checkout is failing",
    "CHECKOUT IS FAILING",
    "Checkout is failing for all customers in eu-west-1 since 14:02 UTC",
    "the payment gateway times out when it charges a card",
    "We rolled back deploy 4711 and the error rate fell from 38% to 0.2% within four minutes.",
    "Root cause: the connection pool was exhausted because a migration held a lock on the orders table.",
    "database is out of disk space",
    "the certificate of api.example.org expired last night",
    "latency p99 > 2s",
    "feature flag new-pricing was switched on for 100% of the traffic",
    "Who was on call when the queue stopped draining?",
    "Runbook: restart the consumer, then check that lag goes down; if it does not, page the data team.",
    "ERROR 2026-11-23T14:02:17.331Z checkout-7f9c4 pool.go:118 dial tcp 10.0.3.17:5432: connect: connection refused",
    'level=warn ts=1795442537 caller=main.go:42 msg="retrying" err="context deadline exceeded" attempt=3',
    '{"level":"error","service":"cart","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","msg":"nil pointer dereference"}',
    "panicked at src/pool.rs:88:17: called `Option::unwrap()` on a `None` value",
    "fn main() {\n    let answer = 42;\n    println!(\"{answer}\");\n}",
    "SELECT id, total FROM orders WHERE status = 'open' AND created_at > now() - interval '1 hour';",
    "kubectl rollout undo deployment/checkout --to-revision=41 -n shop",
    "https://grafana.example.org/d/abc123/checkout?from=now-1h&to=now&var-service=checkout#panel-7",
    "Déjà vu: la base de données était pleine à Genève, près de l'hôpital.",
    "Die Übertragung schlug fehl, weil die Größe überschritten war: ÄÖÜ äöü ß ẞ",
    "E\u0301 and \u00c9, A\u030a and \u00c5, \ufb01 ligature, \u0130stanbul, \u01c5",
    "Ошибка: соединение с базой данных потеряно",
    "Η υπηρεσία πληρωμών δεν απαντά",
    "データベースの接続が切れました。再起動してください。",
    "支付服务在部署后不可用",
    "결제 서비스가 응답하지 않습니다",
    "فشل الاتصال بقاعدة البيانات",
    "शिक्षा सेवा बंद है",
    "deploy went out \U0001f680 and then \U0001f525\U0001f525 everything \U0001f469\u200d\U0001f4bb\U0001f1ea\U0001f1fa",
    "zero\u200bwidth, soft\u00adhyphen, no\u00a0break, \ufeffmark, bell\u0007, nul\u0000, line\u2028separator, \ufffd",
    "x" * 99 + " " + "y" * 100 + " " + "z" * 101,
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "5xx!!! what?? (see #4711) -- @ada: $100 ~ 3.14% & <b>bold</b> [x] {y} ^z^ `q` \\ | _under_score_ a/b\\c",
    "[CLS] is not [SEP] nor [PAD] nor [UNK] nor [MASK], says ada",
    "\u2018quoted\u2019 \u201ctext\u201d \u2013 dash \u2014 \u2026 \u00ab\u00bb \u00a7 \u00b1 \u00d7 \u20ac \u2192 \u2713 \u00bd \u00b2 \u2460 \u2167",
    LONG,
    "word " * 300,
    ("the same sentence of twelve words stands here again and again, twice. " * 40).strip(),
]


def main():
    torch.set_grad_enabled(False)
    model = SentenceTransformer(sys.argv[1], device="cpu")
    cases = []
    for text in TEXTS:
        ids = model.tokenize([text])["input_ids"][0].tolist()
        vector = model.encode([text], convert_to_numpy=True)[0]
        cases.append({"text": text, "ids": ids, "vector": [float(f"{x:.7f}") for x in vector.tolist()]})
    made_with = {
        "sentence-transformers": sentence_transformers.__version__,
        "torch": torch.__version__,
        "max_tokens": model.max_seq_length,
    }
    rows = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    print(f'{{"made_with":{json.dumps(made_with)},\n"cases":[\n{rows}\n]}}')


main()
