"""The services of the toy release, chosen by TOY_ROLE: `store` keeps lines and jobs, `consumer` does jobs, `web` asks the store.

Whoever must not run twice holds a lock on its volume for as long as it lives, and writes into `twice` when somebody else
has it. TOY_FAULT breaks a service in one way from its start, as in `exit-after:2`, and POST /break does so at any time;
times count in seconds from the start.
"""

import fcntl
import json
import os
import signal
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

started = time.monotonic()
role = os.environ["TOY_ROLE"]
port = int(os.environ["TOY_PORT"])
revision = os.environ["PLUMBLINE_REVISION"]
instance = os.uname().nodename
fault, *numbers = os.environ.get("TOY_FAULT", "none").split(":")
number = [float(text) for text in numbers]
setting = os.environ.get("TOY_SETTING", "none")


def age():
    return time.monotonic() - started


def append(path, line):
    with open(path, "a") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path):
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [line.rstrip("\n") for line in file]


def alone():
    lock = open("/data/lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        append("/data/twice", f"{instance} {revision}")
    return lock


class Store:
    """Everything is a line of one file: written to the disk before it is acknowledged."""

    def __init__(self):
        self.lock = threading.Lock()
        self.lines, self.jobs, self.done = [], 0, []
        self.left = {}  # Jobs that are not done, oldest first: a long run has thousands that are.
        for line in read_lines("/data/events"):
            self.apply(json.loads(line))

    def apply(self, event):
        if event["what"] == "line":
            self.lines.append(event["text"])
        elif event["what"] == "job":
            self.jobs += 1
            self.left[self.jobs] = True
        elif event["what"] == "done":
            self.done.append(event["job"])
            self.left.pop(event["job"], None)

    def record(self, event):
        append("/data/events", json.dumps(event))
        self.apply(event)

    def answer(self, method, path, body):
        with self.lock:
            if path == "/append":
                self.record({"what": "line", "text": body})
                return 200, {"ok": True}
            if path == "/job":
                self.record({"what": "job"})
                return 200, {"job": self.jobs}
            if path == "/take":
                return 200, {"job": next(iter(self.left), None)}
            if path == "/done":
                # A question that its asker has given up waits at the edge during a hold, and arrives all the same.
                if int(body) in self.left:
                    self.record({"what": "done", "job": int(body)})
                return 200, {"ok": True}
            if path == "/state":
                state = {"lines": self.lines, "jobs": self.jobs, "done": self.done}
                return 200, {**state, "twice": read_lines("/data/twice")}
        return 404, {}


class Consumer:
    """Takes a job when it is its turn: when the service's own name leads to it. Each job is noted on its volume."""

    def __init__(self):
        self.did = [int(line.split()[0]) for line in read_lines("/data/did")]
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        while not self.stop.wait(0.05):
            if self.my_turn():
                break
        while not self.stop.wait(0.05):
            try:
                job = ask("http://store:7001/take")["job"]
                if job is None:
                    continue
                if job not in self.did:
                    append("/data/did", f"{job} {instance}")
                    self.did.append(job)
                ask("http://store:7001/done", str(job))
            except (OSError, ValueError):
                continue

    def my_turn(self):
        try:
            return ask(f"http://consumer:{port}/health").get("instance") == instance
        except (OSError, ValueError):
            return False

    def answer(self, method, path, body):
        if path == "/state":
            return 200, {"did": read_lines("/data/did"), "twice": read_lines("/data/twice")}
        return 404, {}


class Web:
    def answer(self, method, path, body):
        try:
            return 200, ask("http://store:7001" + path, body if method == "POST" else None)
        except (OSError, ValueError) as error:
            return 502, {"error": str(error)}


def ask(url, body=None):
    request = urllib.request.Request(url, data=None if body is None else body.encode())
    with urllib.request.urlopen(request, timeout=35 if role == "web" else 3) as answer:
        return json.loads(answer.read())


asked = 0


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply("GET", None)

    def do_POST(self):
        self.reply("POST", self.rfile.read(int(self.headers.get("content-length", 0))).decode())

    def reply(self, method, body):
        if self.path == "/break":
            break_by(body)
            status, content = 200, {"broken": body}
        elif self.path == "/health":
            status, content = self.health()
        else:
            status, content = service.answer(method, self.path, body)
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def health(self):
        global asked
        asked += 1
        if fault == "slow" and age() > number[0]:
            time.sleep(number[1])
        if fault == "wrong" and age() > number[0]:
            return 500, {"status": "wrong"}
        if fault == "wrong-first" and not came_before or fault == "wrong-again" and came_before:
            return 500, {"status": "wrong"}
        if fault == "errors" and asked > 5 and asked % int(number[0]) == 0:
            return 500, {"status": "wrong"}
        return 200, {"status": "ok", "revision": revision, "instance": instance, "setting": setting}

    def log_message(self, format, *args):
        pass


def end(*_):
    if role == "consumer":
        service.stop.set()
        service.thread.join(4)
    os._exit(0)


def break_by(text):
    global fault, number
    fault, *numbers = text.split(":")
    number = [float(text) for text in numbers]


def watch():
    while fault != "exit-after" or age() < number[0]:
        time.sleep(0.05)
    print("broken on purpose", flush=True)
    os._exit(7)


print(f"{role} {revision} starts", flush=True)
if fault == "exit-at-boot":
    print("broken on purpose", flush=True)
    sys.exit(7)
seen = f"/data/seen-{revision}"
came_before = os.path.exists(seen)
if os.path.isdir("/data"):
    open(seen, "a").close()
held = alone() if role in ("store", "consumer") else None
service = {"store": Store, "consumer": Consumer, "web": Web}[role]()
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=end).start())
threading.Thread(target=watch, daemon=True).start()
if fault == "slow-start":
    time.sleep(number[0])


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


Server(("", port), Handler).serve_forever()
