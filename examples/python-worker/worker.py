"""A Bowline worker in another language: serves example.words.v1 with Debian's grpcio and generated stubs.

It speaks `bowline.worker.v1.WorkerService.Work`: one stream that it opens itself, Hello first, then credits, jobs, outputs
and results. It heartbeats, reconnects with a growing pause, keeps results until they are committed, stops what is
cancelled, and leaves after SIGTERM once its jobs are done. See README.md for how to run it.
"""
import argparse
import collections
import hashlib
import os
import pathlib
import queue
import random
import signal
import sys
import threading
import time
import uuid

import grpc
from bowline.common.v1 import common_pb2
from bowline.manifest.v1 import manifest_pb2
from bowline.worker.v1 import worker_pb2, worker_pb2_grpc
from example.words.v1 import words_pb2

PACKAGE = "example.words.v1"
METHODS = ("Count", "Spell")
MAX_RESULTS = 256


class Stopped(Exception):
    """The job is cancelled or out of time."""


def count(request, job, name):
    """Counts words. One response."""
    words = collections.Counter(request.text.lower().split())
    most = words.most_common(request.limit or 10)
    yield words_pb2.CountResponse(
        words=[words_pb2.Word(word=word, count=times) for word, times in most], worker=name
    )


def spell(request, job, name):
    """Says words one by one; stops between two of them when it is told to."""
    pause = min(request.pause_ms, 10_000) / 1000
    for word in request.text.split():
        if job.stop.wait(pause):
            raise Stopped()
        yield words_pb2.SpellResponse(word=word)


HANDLERS = {
    f"{PACKAGE}.WordsService/Count": (words_pb2.CountRequest, count),
    f"{PACKAGE}.WordsService/Spell": (words_pb2.SpellRequest, spell),
}


class Job:
    """One job, from its assignment until its result is committed. It outlives the stream that it came on."""

    def __init__(self, assignment):
        self.assignment = assignment
        self.stop = threading.Event()
        self.why = ""
        self.outputs = []
        self.result = None
        self.lock = threading.Lock()


class Worker:
    def __init__(self, options):
        self.options = options
        self.key = pathlib.Path(options.key_file).read_text().strip()
        self.digest = hashlib.sha256(pathlib.Path(options.descriptors).read_bytes()).digest()
        self.boot_id = str(uuid.uuid4())
        self.jobs = {}
        self.lock = threading.Lock()
        self.draining = threading.Event()
        self.frames = None
        self.stream = None

    # What is said.

    def send(self, **frame):
        """Queues a frame for the stream of now. Without one nothing is said: the next Hello says all again."""
        frames = self.frames
        if frames is not None:
            frames.put(frame)

    def hello(self):
        capability = manifest_pb2.Capability(
            package=PACKAGE,
            methods=[manifest_pb2.Method(name=name) for name in METHODS],
            descriptor_sha256=self.digest,
        )
        with self.lock:
            held = [
                worker_pb2.HeldJob(
                    dispatch_id=job.assignment.dispatch_id,
                    epoch=job.assignment.epoch,
                    next_index=len(job.outputs),
                    finished=job.result is not None,
                )
                for job in self.jobs.values()
            ]
        return worker_pb2.WorkerHello(
            versions=common_pb2.VersionRange(min=1, max=1),
            name=self.options.name,
            manifest=manifest_pb2.Manifest(build="python", capabilities=[capability]),
            slots=self.options.slots,
            held=held,
            boot_id=self.boot_id,
        )

    def tell_credits(self):
        with self.lock:
            running = sum(1 for job in self.jobs.values() if job.result is None)
            room = MAX_RESULTS - len(self.jobs)
        free = 0 if self.draining.is_set() else max(0, min(self.options.slots - running, room))
        self.send(credits=worker_pb2.Credits(free=free))

    # What is done.

    def assign(self, assignment):
        with self.lock:
            if assignment.dispatch_id in self.jobs:
                return
            job = self.jobs[assignment.dispatch_id] = Job(assignment)
        threading.Thread(target=self.run, args=(job,), daemon=True).start()

    def run(self, job):
        assignment = job.assignment
        head = {"dispatch_id": assignment.dispatch_id, "epoch": assignment.epoch}
        timer = None
        if assignment.HasField("timeout"):
            timer = threading.Timer(assignment.timeout.ToTimedelta().total_seconds(), self.end, (job, "deadline"))
            timer.daemon = True
            timer.start()
        try:
            kind, handler = HANDLERS[assignment.method]
            request = kind.FromString(assignment.params)
            for response in handler(request, job, self.options.name):
                if job.stop.is_set():
                    raise Stopped()
                data = response.SerializeToString()
                with job.lock:
                    index = len(job.outputs)
                    job.outputs.append(data)
                    self.send(output=worker_pb2.JobOutput(index=index, response=data, **head))
            result = worker_pb2.JobResult(done=worker_pb2.JobDone(responses=job.outputs), **head)
        except Stopped:
            result = self.stopped(job, head)
        except Exception as error:  # A bug of a handler is the failure of its job, never of the worker.
            print(f"{assignment.method} failed: {error!r}", file=sys.stderr, flush=True)
            result = worker_pb2.JobResult(failure=failure("INTERNAL", 13, "the handler failed"), **head)
        finally:
            if timer:
                timer.cancel()
        with job.lock:
            job.result = result
            self.send(result=result)
        self.tell_credits()

    def stopped(self, job, head):
        if job.why == "deadline":
            told = failure("DEADLINE_EXCEEDED", 4, "it took longer than it may")
            return worker_pb2.JobResult(failure=told, **head)
        return worker_pb2.JobResult(stopped=worker_pb2.JobStopped(), **head)

    def end(self, job, why):
        job.why = job.why or why
        job.stop.set()

    def forget(self, dispatch_id):
        with self.lock:
            job = self.jobs.pop(dispatch_id, None)
        if job:
            self.end(job, "dropped")
        self.tell_credits()
        self.leave_if_done()

    # The stream.

    def session(self):
        """One session, from Hello to its end. Returns whether it ever stood."""
        frames = queue.Queue()
        seen = {"seq": 0, "at": time.monotonic(), "welcome": False}

        def requests():
            seq = 0
            yield self.frame(1, 0, hello=self.hello())
            seq = 1
            while True:
                frame = frames.get()
                if frame is None:
                    return
                seq += 1
                yield self.frame(seq, seen["seq"], **frame)

        target, credentials = self.options.target, self.options.credentials
        channel = grpc.secure_channel(target, credentials) if credentials else grpc.insecure_channel(target)
        with channel:
            stub = worker_pb2_grpc.WorkerServiceStub(channel)
            stream = stub.Work(requests(), metadata=[("authorization", f"Bearer {self.key}")])
            stop = threading.Event()
            self.stream = stream
            try:
                for response in stream:
                    seen["seq"] = max(seen["seq"], response.header.seq)
                    seen["at"] = time.monotonic()
                    self.receive(response, frames, stream, seen, stop)
            finally:
                stop.set()
                self.frames = None
                frames.put(None)
                stream.cancel()
        return seen["welcome"]

    @staticmethod
    def frame(seq, ack, **body):
        header = common_pb2.FrameHeader(seq=seq, ack_seq=ack)
        return worker_pb2.WorkRequest(header=header, **body)

    def receive(self, response, frames, stream, seen, stop):
        kind = response.WhichOneof("frame")
        if kind == "welcome":
            self.welcome(response.welcome, frames, stream, seen, stop)
        elif kind == "job":
            self.assign(response.job)
        elif kind == "cancel":
            job = self.jobs.get(response.cancel.dispatch_id)
            if job and job.assignment.epoch == response.cancel.epoch:
                self.end(job, "cancel")
        elif kind == "result_committed":
            self.forget(response.result_committed.dispatch_id)
        elif kind == "ping":
            self.send(pong=common_pb2.Pong(nonce=response.ping.nonce))
        elif kind is None:
            self.send(unimplemented=common_pb2.Unimplemented(seq=response.header.seq))
        # Pong and drain of the replica (the stream ends by itself then) need nothing here.

    def welcome(self, welcome, frames, stream, seen, stop):
        seen["welcome"] = True
        for dispatch_id in welcome.drop:
            self.forget(dispatch_id)
        # From here on everything is said on this stream; what is held is said again from the first output on.
        with self.lock:
            self.frames = frames
            held = list(self.jobs.values())
        for job in held:
            head = {"dispatch_id": job.assignment.dispatch_id, "epoch": job.assignment.epoch}
            with job.lock:
                if job.result is None:
                    for index, data in enumerate(job.outputs):
                        self.send(output=worker_pb2.JobOutput(index=index, response=data, **head))
                else:
                    self.send(result=job.result)
        if self.draining.is_set():
            self.send(drain=common_pb2.Drain())
        self.tell_credits()
        interval = welcome.heartbeat.ToTimedelta().total_seconds() or 10

        def beat():
            nonce = 0
            while not stop.wait(interval):
                if time.monotonic() - seen["at"] > 2 * interval:
                    stream.cancel()
                    return
                nonce += 1
                self.send(ping=common_pb2.Ping(nonce=nonce))

        threading.Thread(target=beat, daemon=True).start()
        print("ready", flush=True)

    def leave(self, *_):
        """SIGTERM: takes nothing new; ends when every result is committed, or after the given time."""
        self.draining.set()
        self.send(drain=common_pb2.Drain())
        self.tell_credits()
        timer = threading.Timer(self.options.drain, os._exit, (1,))
        timer.daemon = True
        timer.start()
        self.leave_if_done()

    def leave_if_done(self):
        if self.draining.is_set() and not self.jobs and self.stream:
            self.stream.cancel()

    def serve(self):
        signal.signal(signal.SIGTERM, self.leave)
        signal.signal(signal.SIGINT, self.leave)
        pause = 0.2
        while not (self.draining.is_set() and not self.jobs):
            try:
                if self.session():
                    pause = 0.2
            except grpc.RpcError as error:
                if self.draining.is_set() and not self.jobs:
                    return 0
                print(f"the session ended: {error.code().name}: {error.details()}", file=sys.stderr, flush=True)
                if error.code() in (
                    grpc.StatusCode.UNAUTHENTICATED,
                    grpc.StatusCode.PERMISSION_DENIED,
                    grpc.StatusCode.FAILED_PRECONDITION,
                ):
                    return 1
            time.sleep(random.uniform(0, pause))
            pause = min(pause * 2, 15)
        return 0


def failure(reason, code, message):
    return common_pb2.Failure(reason=reason, code=code, message=message)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--control", required=True, help="the control plane, e.g. http://127.0.0.1:7420")
    parser.add_argument("--key-file", required=True, help="file with the worker key (bww_...)")
    parser.add_argument("--descriptors", required=True, help="the descriptor set that was given to `bowline plugins add`")
    parser.add_argument("--ca-file", help="certificate authority of an https:// control plane; default: the system's")
    parser.add_argument("--name", default="python-1", help="name that jobs show")
    parser.add_argument("--slots", type=int, default=4, help="jobs at once")
    parser.add_argument("--drain", type=float, default=25, help="seconds that running jobs may take at the end")
    options = parser.parse_args()
    scheme, _, options.target = options.control.rstrip("/").partition("://")
    if scheme not in ("http", "https"):
        parser.error("--control is an http:// or https:// URL")
    if scheme == "http" and not options.target.startswith(("127.", "localhost", "[::1]")):
        parser.error("a key is sent without TLS to this machine only; use https://")
    root = pathlib.Path(options.ca_file).read_bytes() if options.ca_file else None
    options.credentials = grpc.ssl_channel_credentials(root) if scheme == "https" else None
    return Worker(options).serve()


if __name__ == "__main__":
    sys.exit(main())
