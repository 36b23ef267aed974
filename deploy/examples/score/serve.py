#!/usr/bin/env python3
"""A model behind `wearstream score`: is the wearer active in this window?

    pip install pyarrow
    python serve.py --listen 127.0.0.1:8000
    wearstream score --url http://127.0.0.1:8000/score ...

Replace PARAMETERS and score() by a model of your own; the rest stays. What it must do:
  - answer 200 with the columns sensor, window_start and length_s as they came, and a
    column for each score; or 204, where it has nothing to say of any of the windows.
    Close the stream: an answer without the mark of its end counts as cut off
  - send integers beyond 2^53, such as hashes, as text
  - say by X-Model-Name and X-Model-Digest which model it is: the digest changes with
    whatever changes the numbers, so here it is that of the parameters and of this file
  - give 4xx, with the reason as text, only for rows that it will never take
The same rows come again, with the same Idempotency-Key, until their answer is stored.
"""

import argparse
import hashlib
import hmac
import json
import math
import pathlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow as pa

ARROW = "application/vnd.apache.arrow.stream"
NAME = "activity-logistic"
PARAMETERS = {"intercept": -3.0, "enmo": 80.0, "anglez_of_mean": 0.01, "threshold": 0.5}
DIGEST = hashlib.sha256(
    json.dumps(PARAMETERS, sort_keys=True).encode() + pathlib.Path(__file__).read_bytes()
).hexdigest()[:16]


def score(rows: pa.Table) -> pa.Table:
    """Logistic regression on mean acceleration and posture; NULL where they are unknown."""
    p, k = [], PARAMETERS
    for enmo, angle in zip(rows["enmo"].to_pylist(), rows["anglez_of_mean"].to_pylist()):
        if enmo is None or angle is None:
            p.append(None)
        else:
            p.append(1 / (1 + math.exp(-(k["intercept"] + k["enmo"] * enmo + k["anglez_of_mean"] * angle))))
    active = [None if v is None else v > k["threshold"] for v in p]
    label = [None if v is None else "active" if v else "at rest" for v in active]
    return rows.select(["sensor", "window_start", "length_s"]).append_column("p_active", pa.array(p, pa.float64())).append_column(
        "active", pa.array(active, pa.bool_())).append_column("label", pa.array(label, pa.string()))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    token = None

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.token and not hmac.compare_digest(self.headers.get("Authorization", ""), "Bearer " + self.token):
            return self.answer(401, "text/plain", b"a token is needed")
        if self.headers["Content-Type"] != ARROW:
            return self.answer(415, "text/plain", b"rows must come as " + ARROW.encode())
        try:
            rows = pa.ipc.open_stream(body).read_all()
        except pa.ArrowInvalid as e:
            return self.answer(400, "text/plain", str(e).encode())
        scores = score(rows).combine_chunks()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, scores.schema) as stream:  # uncompressed unless told otherwise
            stream.write_table(scores)
        self.answer(200, ARROW, sink.getvalue().to_pybytes())
        self.log_message("%s: %d windows", self.headers["Idempotency-Key"], rows.num_rows)

    def answer(self, code, kind, body):
        self.send_response_only(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Model-Name", NAME)
        self.send_header("X-Model-Digest", DIGEST)
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default="127.0.0.1:8000", help="address; another machine's needs TLS in front")
    parser.add_argument("--token-file", help="file with the token that requests must bear")
    options = parser.parse_args()
    if options.token_file:
        Handler.token = pathlib.Path(options.token_file).read_text().strip()
    host, _, port = options.listen.rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    print(f"{NAME} {DIGEST} on http://{host}:{server.server_port}/", flush=True)
    server.serve_forever()
