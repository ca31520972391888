#!/usr/bin/env python3
"""A gRPC client of Millrace that knows nothing of its .proto files: it asks the server, by reflection, as grpcurl does.

    pip install grpcio grpcio-reflection
    python3 reflection_client.py 127.0.0.1:50051 list
    python3 reflection_client.py 127.0.0.1:50051 list millrace.query.v1.Query
    python3 reflection_client.py 127.0.0.1:50051 describe millrace.query.v1.ExecuteRequest
    python3 reflection_client.py 127.0.0.1:50051 call millrace.query.v1.Query/Execute '{"sql": "SELECT 1"}'

Answers are printed as JSON, one message a line.
"""

import json
import sys

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


class Server:
    def __init__(self, channel):
        self._channel = channel
        self._database = ProtoReflectionDescriptorDatabase(channel)
        self._pool = DescriptorPool(self._database)

    def services(self):
        return sorted(self._database.get_services())

    def methods(self, service):
        return [f"{service}.{method.name}" for method in self._pool.FindServiceByName(service).methods]

    def describe(self, name):
        """A service's methods with their types, or a message's fields with theirs."""
        try:
            methods = self._pool.FindServiceByName(name).methods
        except KeyError:
            return [describe_field(field) for field in self._pool.FindMessageTypeByName(name).fields]
        return [describe_method(method) for method in methods]

    def call(self, path, request):
        """Calls a unary or server-streaming method; yields its answers."""
        service, _, name = path.partition("/")
        method = self._pool.FindServiceByName(service).FindMethodByName(name)
        if method.client_streaming:
            raise SystemExit(f"{path} takes a stream of requests")
        message = json_format.ParseDict(request, GetMessageClass(method.input_type)())
        open_call = self._channel.unary_stream(
            f"/{path}",
            request_serializer=lambda sent: sent.SerializeToString(),
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        # On the wire a unary answer is a stream of one message.
        yield from open_call(message)


def describe_method(method):
    sent = f"{'stream ' if method.client_streaming else ''}{method.input_type.full_name}"
    answered = f"{'stream ' if method.server_streaming else ''}{method.output_type.full_name}"
    return f"rpc {method.name}({sent}) returns ({answered})"


def describe_field(field):
    repeated = "repeated " if field.is_repeated else ""
    of = field.message_type or field.enum_type
    kind = of.full_name if of else SCALARS.get(field.type, f"type {field.type}")
    return f"{repeated}{kind} {field.name} = {field.number}"


# Numbers of google.protobuf.FieldDescriptorProto.Type.
SCALARS = {
    1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 6: "fixed64", 7: "fixed32", 8: "bool",
    9: "string", 12: "bytes", 13: "uint32", 15: "sfixed32", 16: "sfixed64", 17: "sint32", 18: "sint64",
}


def main(arguments):
    if len(arguments) < 2:
        raise SystemExit(__doc__)
    address, command, *rest = arguments
    with grpc.insecure_channel(address) as channel:
        server = Server(channel)
        if command == "list":
            lines = server.methods(*rest) if rest else server.services()
        elif command == "describe":
            lines = server.describe(*rest)
        elif command == "call":
            path, request = rest
            lines = (json.dumps(json_format.MessageToDict(answer)) for answer in server.call(path, json.loads(request)))
        else:
            raise SystemExit(__doc__)
        for line in lines:
            print(line)


if __name__ == "__main__":
    main(sys.argv[1:])
