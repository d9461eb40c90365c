"""Reads a file of an edge with Google's own gRPC for Python, and prints one JSON object about the answer.

Usage: OWNER_KEY=... TARGET=host:port python3 read_file.py PATH, with the generated modules on PYTHONPATH.
"""
import json
import os
import sys

import grpc
from bowline.capability.fs.v1 import fs_pb2, fs_pb2_grpc

metadata = [("authorization", "Bearer " + os.environ["OWNER_KEY"])]
with grpc.insecure_channel(os.environ["TARGET"]) as channel:
    stub = fs_pb2_grpc.FsServiceStub(channel)
    try:
        answer = stub.Read(fs_pb2.ReadRequest(path=sys.argv[1]), metadata=metadata, timeout=20)
        print(json.dumps({"code": "OK", "path": answer.file.path, "text": answer.text}))
    except grpc.RpcError as error:
        told = {"code": error.code().name, "message": error.details()}
        # The bytes of a google.rpc.Status with its details; this gRPC's compiler is too old for their proto.
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                told["details"] = value.decode("latin-1")
        print(json.dumps(told))
