"""What metrics cost: CPU a record of `keyloom work` with all of them on, and scraped every second, over
metrics = false, median of alternating runs.

  KEYLOOM_BUILD=build/release KEYLOOM_BROKER=HOST:PORT python3 tools/bench/metrics_cost.py [--records N] [--rounds N]

Let nothing else run beside it. Exits 1 when a median is more than 3 % over."""

import argparse
import pathlib
import socket
import statistics
import sys
import tempfile
import threading
import urllib.request

import runs
from scenarios import Topic

LIMIT = 1.03


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def scrape(port, over):
    while not over.wait(1):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                answer.read()
        except OSError:
            pass  # not up yet, or over


def cpu_us(bench, topic, processor, options):
    group = f"cost-{free_port()}-{bench.run_id}-{next(numbers)}"
    result = bench.run("keyloom", "work", "--topic", topic, "--group", group, "--processor", processor, "--until-end",
                       *options)
    return 1e6 * result["cpu_s"] / result["records"]


def with_metrics(bench, topic, processor):
    port, over = free_port(), threading.Event()
    scraper = threading.Thread(target=scrape, args=(port, over))
    scraper.start()
    try:
        return cpu_us(bench, topic, processor, ["--http-port", str(port)])
    finally:
        over.set()
        scraper.join()


def without(bench, topic, processor, config):
    return cpu_us(bench, topic, processor, ["--config", str(config)])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processors", default="none,compute")
    options = parser.parse_args()
    bench = runs.Bench()
    topic = bench.topic_of(Topic(records=options.records))
    too_much = False
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "off.conf"
        config.write_text("keyloom { metrics = false }\ncaf { metrics-filters { actors { includes = [] } } }\n")
        for processor in options.processors.split(","):
            on, off = [], []
            for turn in range(options.rounds):
                on.append(with_metrics(bench, topic, processor))
                off.append(without(bench, topic, processor, config))
                runs.say(f"{processor}, round {turn + 1}: {on[-1]:.3f} us on, {off[-1]:.3f} us off")
            ratio = statistics.median(on) / statistics.median(off)
            too_much |= ratio > LIMIT
            print(f"{processor}: {statistics.median(on):.3f} us CPU a record with metrics, "
                  f"{statistics.median(off):.3f} without: {100 * (ratio - 1):+.1f} %")
    sys.exit(too_much)


numbers = iter(range(10**9))

if __name__ == "__main__":
    main()
