"""The servers and clients of dashboards/test. Each moves a known number of bytes.

    load.py serve PORT [CGROUP]          answers each request, joins the cgroup first
    load.py short ADDRESS PORT COUNT PER_SECOND
    load.py long ADDRESS PORT CONNECTIONS ROUNDS PER_SECOND
    load.py bulk ADDRESS PORT BYTES
    load.py unaccepted PORT              listens with a backlog of 1 and accepts nothing
"""

import pathlib
import selectors
import socket
import struct
import sys
import time

# A request contains the length of its answer.
REQUEST, ANSWER = 100, 2000


def receive(connection, length):
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            return data
        data += part
    return data


def ask(connection):
    connection.sendall(struct.pack("!I", ANSWER).ljust(REQUEST, b"."))
    answer = receive(connection, ANSWER)
    assert len(answer) == ANSWER, len(answer)


def serve(port, cgroup=None):
    if cgroup:
        pathlib.Path(cgroup, "cgroup.procs").write_text("0")
    listener = socket.create_server(("", port), backlog=1000)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                selector.register(listener.accept()[0], selectors.EVENT_READ)
                continue
            connection = key.fileobj
            request = connection.recv(65536)
            if not request:
                selector.unregister(connection)
                connection.close()
            # A request arrives as a whole, since it is smaller than a segment. Bulk data gets no answer.
            elif len(request) == REQUEST:
                connection.sendall(bytes(struct.unpack("!I", request[:4])[0]))


def paced(count, per_second):
    begin = time.monotonic()
    for number in range(count):
        time.sleep(max(0, begin + number / per_second - time.monotonic()))
        yield number


def short(address, port, count, per_second):
    for _ in paced(count, per_second):
        with socket.create_connection((address, port)) as connection:
            ask(connection)


def long(address, port, connections, rounds, per_second):
    clients = [socket.create_connection((address, port)) for _ in range(connections)]
    print("connected", flush=True)
    sys.stdin.readline()
    for _ in paced(rounds, per_second):
        for client in clients:
            ask(client)
    print("done", flush=True)
    sys.stdin.readline()


def bulk(address, port, length):
    with socket.create_connection((address, port)) as connection:
        print("connected", flush=True)
        sys.stdin.readline()
        connection.sendall(bytes(length))
        print("done", flush=True)
        sys.stdin.readline()


def unaccepted(port):
    listener = socket.create_server(("", port), backlog=1)
    while listener:
        time.sleep(60)


def main():
    work, *rest = sys.argv[1:]
    numbers = [int(word) if word.isdigit() else word for word in rest]
    {"serve": serve, "short": short, "long": long, "bulk": bulk, "unaccepted": unaccepted}[work](*numbers)


main()
