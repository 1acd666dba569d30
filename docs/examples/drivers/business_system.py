"""A business system that clears sites: accepts each instruction and answers it later."""
import hashlib, hmac, json, os, threading, time, urllib.parse, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = open(os.environ.get("WEBHOOK_SECRET_FILE", "webhook.secret")).read().strip().encode()
TOKEN = open(os.environ.get("API_TOKEN_FILE", "api.token")).read().strip()
AGENT = os.environ.get("AGENT", "http://127.0.0.1:7480")

def is_genuine(headers, body):
    at = headers["cloudbrain-timestamp"]
    signed = f'{at}.{headers["cloudbrain-event"]}.{headers["idempotency-key"]}.'.encode() + body
    mac = "v1=" + hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
    return abs(time.time() - int(at)) < 300 and hmac.compare_digest(mac, headers["cloudbrain-signature"])

def work(told):  # A real system keeps what it has accepted, and goes on after a restart.
    url = f'{AGENT}/v1/instructions/{urllib.parse.quote(told["id"], safe="")}/feedback'
    body = json.dumps({"outcome": "succeeded", "output": {"done": True, "site": told["input"]["site"]}})
    urllib.request.urlopen(urllib.request.Request(url, body.encode(), {"Authorization": f"Bearer {TOKEN}"}))

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        genuine = is_genuine(self.headers, body)
        self.send_response(202 if genuine else 401)
        self.send_header("content-length", "0")
        self.end_headers()
        if genuine and self.headers["cloudbrain-event"] == "instruction":
            threading.Thread(target=work, args=[json.loads(body)]).start()

server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Handler)
print("listening", flush=True)
server.serve_forever()
