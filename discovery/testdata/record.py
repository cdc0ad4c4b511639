"""Asks a real Redis what the tests of this package compare the views with, and writes redis.json beside itself.

It needs redis-server in the PATH and the ports 7391 to 7394 and 7401 to 7402. It starts one master with one
replica and two Sentinels that watch them, and a Redis Cluster of one shard with one replica.
"""

import json
import pathlib
import socket
import subprocess
import tempfile
import time

SENTINEL = """PING|PING a|ROLE|HELLO|INFO sentinel|SENTINEL MASTERS|SENTINEL MASTER mymaster|SENTINEL MASTER foo
SENTINEL SENTINELS mymaster|SENTINEL SENTINELS foo|SENTINEL REPLICAS mymaster|SENTINEL SLAVES mymaster|SENTINEL SLAVES foo
SENTINEL GET-MASTER-ADDR-BY-NAME mymaster|SENTINEL get-master-addr-by-name foo|SENTINEL CKQUORUM mymaster
SENTINEL CKQUORUM foo|SENTINEL MYID|SENTINEL|SENTINEL FOO|SENTINEL MASTER|SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 7391 0 *
SENTINEL PENDING-SCRIPTS|GET x|SELECT 0|CLUSTER SLOTS|PUBLISH a b|AUTH x|AUTH default x|CLIENT SETNAME a|CLIENT FOO
CLIENT GETNAME|SUBSCRIBE|SUBSCRIBE +switch-master +odown +odown|PING|PING x|ROLE|PSUBSCRIBE *
UNSUBSCRIBE +odown|UNSUBSCRIBE|PUNSUBSCRIBE|UNSUBSCRIBE|PUNSUBSCRIBE a|PING"""

CLUSTER = """CLUSTER SLOTS|CLUSTER SHARDS|CLUSTER NODES|CLUSTER INFO|CLUSTER MYID|CLUSTER KEYSLOT foo|CLUSTER FOO|CLUSTER
CLUSTER KEYSLOT|CLUSTER REPLICAS foo|CLUSTER REPLICAS (master)|CLUSTER SLAVES (replica)|CLUSTER COUNT-FAILURE-REPORTS (master)
HELLO|INFO cluster|SELECT 0|SELECT 1|SELECT x|SET foo bar|GET foo|READONLY|GET foo|SET foo bar|READWRITE|GET foo
ASKING|GET {foo}bar|PING"""


def encode(line):
    words = line.encode().split()
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def ask(port, lines, hello=None, **names):
    """Sends one command after the other and returns what came within a moment."""
    said = []
    with socket.create_connection(("127.0.0.1", port)) as conn:
        conn.settimeout(0.2)
        for line in ([hello] if hello else []) + lines.replace("\n", "|").split("|"):
            sent = line
            for name, value in names.items():
                sent = sent.replace(f"({name})", value)
            conn.sendall(encode(sent))
            got = b""
            try:
                while piece := conn.recv(65536):
                    got += piece
            except TimeoutError:
                pass
            said.append([line, got.decode()])
    return said


def main():
    running = []

    def start(folder, name, *options, config=None):
        folder = pathlib.Path(folder, name)
        folder.mkdir()
        command = ["redis-server"]
        if config:
            (folder / "conf").write_text(config)
            command += [str(folder / "conf")]
        running.append(subprocess.Popen(command + list(options), cwd=folder, stdout=subprocess.DEVNULL))

    with tempfile.TemporaryDirectory() as folder:
        try:
            start(folder, "m", "--port", "7391", "--save", "")
            start(folder, "r", "--port", "7392", "--save", "", "--replicaof", "127.0.0.1", "7391")
            for port in ("7393", "7394"):
                start(folder, port, "--sentinel", config=f"port {port}\nsentinel monitor mymaster 127.0.0.1 7391 2\n")
            for port in ("7401", "7402"):
                start(folder, port, "--port", port, "--save", "", "--cluster-enabled", "yes")
            time.sleep(2)

            def cli(port, *words):
                return subprocess.run(["redis-cli", "-p", port, *words], capture_output=True, text=True).stdout.strip()

            cli("7401", "cluster", "addslotsrange", "0", "16383")
            cli("7401", "cluster", "meet", "127.0.0.1", "7402")
            time.sleep(2)
            master, replica = cli("7401", "cluster", "myid"), cli("7402", "cluster", "myid")
            cli("7402", "cluster", "replicate", master)
            time.sleep(12)  # until all know each other well: a Sentinel asks its servers each ten seconds
            said = {}
            for proto, hello in (("2", None), ("3", "HELLO 3")):
                said["sentinel" + proto] = ask(7393, SENTINEL, hello)
                said["master" + proto] = ask(7401, CLUSTER, hello, master=master, replica=replica)
                said["replica" + proto] = ask(7402, CLUSTER, hello, master=master, replica=replica)
        finally:
            for process in running:
                process.terminate()
                process.wait()
    text = json.dumps(said, indent=1) + "\n"
    pathlib.Path(__file__).with_name("redis.json").write_text(text)


main()
