"""A gRPC server and a client that uses it, both Debian's grpcio, for the edge's test. Messages are
bytes, so that nothing has to be generated."""

import json
import sys
import threading
import time
from concurrent import futures

import grpc

CANCELLED = threading.Event()


def get(request, context):
    context.set_trailing_metadata((("order", "kept"), ("sum-bin", b"\x00\xff")))
    return request[::-1]


def fail(request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "no such order: " + request.decode())


def slow(request, context):
    context.add_callback(CANCELLED.set)
    time.sleep(5)
    return b"late"


def cancelled(request, context):
    return b"yes" if CANCELLED.wait(3) else b"no"


def listing(request, context):
    for number in range(int(request)):
        yield b"order %d" % number


def upload(requests, context):
    return b"%d" % sum(len(part) for part in requests)


def chat(requests, context):
    for part in requests:
        yield b"heard " + part


def serve(port):
    handlers = {
        "Get": grpc.unary_unary_rpc_method_handler(get),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Slow": grpc.unary_unary_rpc_method_handler(slow),
        "Cancelled": grpc.unary_unary_rpc_method_handler(cancelled),
        "List": grpc.unary_stream_rpc_method_handler(listing),
        "Upload": grpc.stream_unary_rpc_method_handler(upload),
        "Chat": grpc.stream_stream_rpc_method_handler(chat),
    }
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("shop.Orders", handlers),)
    )
    assert server.add_insecure_port("127.0.0.1:%d" % port) == port
    server.start()
    server.wait_for_termination()


def code(call):
    """What a call that must not succeed ended with."""
    try:
        return "answered: %r" % call()
    except grpc.RpcError as error:
        return error.code().name


def chatted(channel):
    """Each word is said only when the one before was answered."""
    turn = threading.Semaphore(1)

    def words():
        for word in (b"one", b"two", b"three"):
            turn.acquire()
            yield word

    heard = []
    for answer in channel.stream_stream("/shop.Orders/Chat")(words(), timeout=10):
        heard.append(answer.decode())
        turn.release()
    return heard


def use(port, trust):
    options = [("grpc.default_authority", "shop.example"), ("grpc.enable_retries", 0)]
    if trust:
        with open(trust, "rb") as roots:
            credentials = grpc.ssl_channel_credentials(roots.read())
        options.append(("grpc.ssl_target_name_override", "shop.example"))
        channel = grpc.secure_channel("127.0.0.1:%d" % port, credentials, options)
    else:
        channel = grpc.insecure_channel("127.0.0.1:%d" % port, options)
    unary = lambda name: channel.unary_unary("/shop.Orders/" + name)
    answer, call = unary("Get").with_call(b"abc", timeout=10)
    trailing = {pair.key: str(pair.value) for pair in call.trailing_metadata()}
    listed = list(channel.unary_stream("/shop.Orders/List")(b"500", timeout=10))
    part = b"x" * 65536
    uploaded = channel.stream_unary("/shop.Orders/Upload")(iter([part] * 64), timeout=20)
    large, _ = unary("Get").with_call(b"z" * (1 << 20), timeout=20)
    seen = {
        "get": answer.decode(),
        "trailing": {name: trailing.get(name) for name in ("order", "sum-bin")},
        "fail": code(lambda: unary("Fail")(b"7", timeout=10)),
        "listed": len(listed),
        "last": listed[-1].decode(),
        "uploaded": uploaded.decode(),
        "large": len(large),
        "chat": chatted(channel),
        "slow": code(lambda: unary("Slow")(b"", timeout=0.5)),
        "cancelled": unary("Cancelled")(b"", timeout=10).decode(),
        "nobody": code(lambda: channel.unary_unary("/other.Service/Get")(b"", timeout=10)),
        "limited": code(lambda: unary("Limited")(b"", timeout=10)),
    }
    print(json.dumps(seen))


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    use(int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
