#!/usr/bin/env python3
"""A gRPC client of Millrace with code generated from its .proto files.

    pip install grpcio grpcio-tools grpcio-health-checking
    python3 -m grpc_tools.protoc -I proto --python_out=OUT --grpc_python_out=OUT $(find proto/millrace -name '*.proto')

    PYTHONPATH=OUT python3 query_client.py 127.0.0.1:50051 query DATABASE "SELECT … WHERE a = ? AND b = ?" 42 text
    PYTHONPATH=OUT python3 query_client.py 127.0.0.1:50051 pipelines
    PYTHONPATH=OUT python3 query_client.py 127.0.0.1:50051 start|stop DATABASE PIPELINE
    PYTHONPATH=OUT python3 query_client.py 127.0.0.1:50051 health

A server that asks for them gets certificates from the files that MILLRACE_TLS_CA, MILLRACE_TLS_CERT and MILLRACE_TLS_KEY
name, and the token in the file that MILLRACE_CLUSTER_TOKEN_FILE names.
Rows are printed tab-separated as they arrive. Ctrl-C cancels the call, which stops the statement on every leaf.
Exits with 1 when the server reports an error, with 130 when cancelled.
"""

import os
import re
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from millrace.cluster.v1 import pipeline_admin_pb2, pipeline_admin_pb2_grpc
from millrace.common.v1 import errors_pb2, values_pb2
from millrace.query.v1 import query_pb2, query_pb2_grpc

# Batches of wide rows can be larger than the 4 MB that gRPC accepts by default.
CHANNEL_OPTIONS = [("grpc.max_receive_message_length", 64 << 20)]


def open_channel(address):
    ca, cert, key = (read_file(f"MILLRACE_TLS_{name}") for name in ("CA", "CERT", "KEY"))
    if ca is None:
        channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
    else:
        channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(ca, key, cert), options=CHANNEL_OPTIONS)
    token = read_file("MILLRACE_CLUSTER_TOKEN_FILE")
    return channel if token is None else grpc.intercept_channel(channel, Token(token.decode().strip()))


def read_file(variable):
    """The content of the file that a variable of the environment names."""
    path = os.environ.get(variable)
    return Path(path).read_bytes() if path else None


class Token(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Adds the token to every call."""

    def __init__(self, token):
        self._metadata = [("authorization", f"Bearer {token}")]

    def intercept_unary_unary(self, proceed, details, request):
        return proceed(details._replace(metadata=[*(details.metadata or ()), *self._metadata]), request)

    intercept_unary_stream = intercept_unary_unary


def parameter_of(text):
    """Whole numbers go as such, everything else as text; the server converts to the type that the statement needs."""
    if text == "NULL":
        return values_pb2.Value()
    if re.fullmatch(r"-?\d{1,18}", text):
        return values_pb2.Value(int64=int(text))
    return values_pb2.Value(text=text)


def query(channel, database, sql, *parameters):
    """Runs a statement and prints its rows; returns a line about what it did."""
    request = query_pb2.ExecuteRequest(
        sql=sql, database=database, parameters=[parameter_of(each) for each in parameters]
    )
    call = query_pb2_grpc.QueryStub(channel).Execute(request)
    columns, row_count, affected_rows = None, 0, 0
    try:
        for response in call:
            part = response.WhichOneof("part")
            if part == "header":
                columns = response.header.columns
                print_row(column.name for column in columns)
            elif part == "batch":
                row_count += response.batch.row_count
                for row in rows_of(response.batch, columns):
                    print_row(cell_text(value) for value in row)
            elif part == "done":
                affected_rows = response.done.affected_rows
    except KeyboardInterrupt:
        call.cancel()
        raise
    return f"{affected_rows} rows affected" if columns is None else f"{row_count} rows"


def rows_of(batch, columns):
    """The rows of a batch as tuples of int, float, Decimal, str, bytes or None."""
    return zip(*(values_of(vector, column.type) for vector, column in zip(batch.columns, columns)))


def values_of(vector, sql_type):
    """The vectors of a batch have a slot for every row, also for those that are NULL."""
    filled = vector.WhichOneof("values")
    values = getattr(vector, filled).values if filled else [None] * len(vector.nulls)
    if sql_type.kind == "decimal":
        values = [Decimal(value) if value else None for value in values]
    if not vector.nulls:
        return values
    return [None if null else value for value, null in zip(values, vector.nulls)]


def cell_text(value):
    if value is None:
        return "NULL"
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)


def print_row(cells):
    print("\t".join(cells), flush=True)


def pipelines(channel):
    stub = pipeline_admin_pb2_grpc.PipelineAdminStub(channel)
    found = stub.ListPipelines(pipeline_admin_pb2.ListPipelinesRequest()).pipelines
    print_row(["database", "pipeline", "state", "table", "positions"])
    for each in found:
        positions = " ".join(f"{cursor.source_partition}:{cursor.cursor_offset}" for cursor in each.cursors)
        print_row([each.database, each.name, each.state, each.table, positions])
    return f"{len(found)} pipelines"


def start(channel, database, name):
    stub = pipeline_admin_pb2_grpc.PipelineAdminStub(channel)
    stub.StartPipeline(pipeline_admin_pb2.StartPipelineRequest(database=database, name=name))
    return f"{name} started"


def stop(channel, database, name):
    stub = pipeline_admin_pb2_grpc.PipelineAdminStub(channel)
    stub.StopPipeline(pipeline_admin_pb2.StopPipelineRequest(database=database, name=name))
    return f"{name} stopped"


def health(channel):
    status = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest()).status
    return "serving" if status == health_pb2.HealthCheckResponse.SERVING else "not serving"


def describe_error(error):
    """The server sends what went wrong as a message of its own, beside the gRPC status."""
    trailers = dict(error.trailing_metadata() or ())
    if "millrace-error-bin" not in trailers:
        return f"{error.code().name}: {error.details()}"
    detail = errors_pb2.ErrorDetail.FromString(trailers["millrace-error-bin"])
    lines = [f"{detail.code} {detail.mysql_number} ({detail.sql_state}): {detail.message}"]
    if detail.detail:
        lines.append(f"detail: {detail.detail}")
    return "\n".join([*lines, f"from: {detail.origin}", f"remedy: {detail.remedy}"])


COMMANDS = {each.__name__: each for each in (query, pipelines, start, stop, health)}


def main(arguments):
    if len(arguments) < 2 or arguments[1] not in COMMANDS:
        raise SystemExit(__doc__)
    address, command, *rest = arguments
    try:
        with closing(open_channel(address)) as channel:
            print(COMMANDS[command](channel, *rest), file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    except grpc.RpcError as error:
        print(describe_error(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
