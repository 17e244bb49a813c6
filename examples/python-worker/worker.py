"""A worker of Stoa in plain Python: it claims tasks of the kind `text.count` and counts the words of their text."""

import json
import os
import threading
import time
import urllib.error
import urllib.request
import uuid

STOA, KEY = os.environ["STOA_URL"], os.environ["STOA_KEY"]
LEASE_SECONDS = 15
TEXT = {"type": "string", "maxLength": 100_000}
KIND = {
    "kind": "text.count",
    "description": "Counts the words of a text.",
    "leaseSeconds": LEASE_SECONDS,
    "inputSchema": {
        "type": "object",
        "required": ["text"],
        "properties": {"text": TEXT, "secondsPerWord": {"type": "number", "minimum": 0, "maximum": 60}},
        "additionalProperties": False,
    },
}


def call(path, body, once=None):
    """POSTs JSON. With `once`, the same request can be sent again and is carried out once."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    if once:
        headers["Idempotency-Key"] = once
    request = urllib.request.Request(f"{STOA}/api/v1{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def passes(error):
    """Whether it is worth another try: nobody answered, or the server could not at this moment."""
    return not isinstance(error, urllib.error.HTTPError) or error.code in (429, 500, 502, 503, 504)


class Lease(threading.Thread):
    """Holds a task while it is worked on, by three heartbeats per lease."""

    def __init__(self, task):
        super().__init__(daemon=True)
        self.task, self.progress = task, 0.0
        self.ended, self.stop = threading.Event(), threading.Event()

    def run(self):
        while not self.ended.wait(LEASE_SECONDS / 3):
            try:
                body = {"attempt": self.task["attempt"], "progress": {"fraction": self.progress}}
                if call(f"/tasks/{self.task['id']}/heartbeat", body)["cancelRequested"]:
                    self.stop.set()
            except OSError as error:
                if not passes(error):
                    self.stop.set()  # 409: somebody else has the task now.


def count(task, lease):
    """The work itself. It looks from time to time whether it is to stop."""
    words = task["input"]["text"].split()
    for index in range(len(words)):
        if lease.stop.wait(task["input"].get("secondsPerWord", 0)):
            raise InterruptedError("it was told to stop")
        lease.progress = (index + 1) / len(words)
    return {"words": len(words)}


def work(task):
    lease = Lease(task)
    lease.start()
    print("began", task["id"], task["attempt"], flush=True)
    try:
        how, body = "completion", {"result": count(task, lease)}
    except Exception as error:  # whatever goes wrong is told
        how, body = "failure", {"message": str(error)[:1000] or type(error).__name__}
    lease.ended.set()
    for pause in (1, 2, 4, 8, 0):
        try:
            call(f"/tasks/{task['id']}/{how}", {"attempt": task["attempt"], **body}, f"{task['id']}-{task['attempt']}-{how}")
            print(how, task["id"], task["attempt"], flush=True)
            return
        except OSError as error:
            print(how, "was not taken:", error, flush=True)
            if not passes(error):
                return
            time.sleep(pause)


def main():
    call("/task-kinds", KIND)
    print("ready", flush=True)
    claim = str(uuid.uuid4())
    while True:
        try:
            tasks = call("/task-claims", {"kinds": [KIND["kind"]], "waitSeconds": 30, "claimKey": claim})["data"]
        except OSError as error:
            if not passes(error):
                raise
            time.sleep(2)
            continue  # The same claim again: what it was given meanwhile is not lost.
        claim = str(uuid.uuid4())
        for task in tasks:
            work(task)


if __name__ == "__main__":
    main()
