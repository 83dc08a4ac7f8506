"""Real pages as they are hosted: several replicas, a real Redis, a real nginx in front."""

import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.programs import free_port, required
from tests.web.redis_server import RedisServer, wait_until
from tests.web.replica import Replica, Visitor

NGINX_CONF = Path(__file__).resolve().parents[2] / "deploy" / "nginx.conf"
LIMIT_SENTENCE = re.compile(r"Each visitor has 5 analyses .* Please try again in \d+ ")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("replicas")


@pytest.fixture(scope="module")
def redis(folder):
    server = RedisServer(folder)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def replicas(folder, redis):
    """Two replicas that trust a proxy on this machine and count together."""
    settings = {
        "rate_limit": "5/hour",
        "redis_url": redis.url,
        "trusted_proxies": "127.0.0.1",
        "max_queue": 200,
        # Fifty at the same time, of one visitor.
        "max_per_visitor": 200,
    }
    both = [Replica(folder, **settings) for _ in range(2)]
    yield both
    for replica in both:
        replica.process.kill()


@pytest.fixture(scope="module")
def nginx(folder, replicas):
    """The address of nginx with the configuration that we ship, in front of both replicas."""
    program = required("nginx", "nginx")
    port = free_port()
    text = NGINX_CONF.read_text().replace("listen 8080", f"listen 127.0.0.1:{port}")
    for number, replica in enumerate(replicas, 1):
        text = text.replace(f"172.31.231.1{number}:7860", f"127.0.0.1:{replica.port}")
    text = text.replace("/tmp/", f"{folder}/")
    (folder / "nginx.conf").write_text(text)
    command = [program, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr"]
    process = subprocess.Popen(
        [*command, "-g", "daemon off;"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"

    def answers():
        try:
            return httpx.get(f"{url}/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    wait_until(answers, what="the start of nginx")
    yield url
    process.terminate()
    process.wait(10)


def forwarded(address):
    return {"X-Forwarded-For": address}


def events(answers):
    return sorted(event for event, _ in answers)


def test_two_replicas_share_a_limit_exactly_and_a_restart_keeps_it(replicas, portrait):
    visitors = [Visitor(r.url, portrait, forwarded("203.0.113.1")) for r in replicas]
    # As many as one visitor may send at the same time, and in a minute.
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: visitors[n % 2].detect(), range(20)))
    assert events(answers).count("complete") == 5
    refusals = [data for event, data in answers if event == "error"]
    assert len(refusals) == 15
    assert all(LIMIT_SENTENCE.search(data["error"]) for data in refusals)

    assert replicas[0].stop() == 0
    replicas[0].start()
    again = Visitor(replicas[0].url, portrait, forwarded("203.0.113.1"))
    assert again.detect()[0] == "error"
    other = Visitor(replicas[0].url, portrait, forwarded("203.0.113.2"))
    assert other.detect()[0] == "complete"


def test_analyses_go_on_while_redis_is_away(replicas, redis, portrait):
    assert replicas[0].ready().json()["redis"] == "up"
    visitor = Visitor(replicas[0].url, portrait, forwarded("203.0.113.3"))
    redis.kill()
    assert visitor.detect()[0] == "complete"
    wait_until(lambda: replicas[0].ready().json()["redis"] == "down", what="the red flag")
    answer = replicas[0].ready()
    # Still 200: a proxy that left all replicas out would make things worse.
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    redis.start()
    for replica in replicas:
        # Else the next test would find one that still counts by itself.
        wait_until(lambda r=replica: r.ready().json()["status"] == "ready", what="the way back")
    log = replicas[0].log.read_text()
    # Once for each time, and not for each request; a busy machine can add a time.
    assert 1 <= log.count("Redis is away") == log.count("Redis is back") <= 3
    assert "203.0.113" not in log and "Traceback" not in log


def test_visitors_behind_nginx_count_by_their_own_address(nginx, portrait):
    # All connections come from 127.0.0.1 here; what a visitor claims to be is thrown away.
    liars = [Visitor(nginx, portrait, forwarded(f"198.51.100.{n}")) for n in range(6)]
    answers = [liar.detect() for liar in liars]
    assert events(answers) == ["complete"] * 5 + ["error"]
    assert LIMIT_SENTENCE.search(answers[-1][1]["error"])


def test_the_page_works_through_nginx_and_says_so_over_the_limit(
    browser, nginx, replicas, redis, portrait, faceless
):
    redis.kill()  # forgets what the tests before have used up
    redis.start()
    for replica in replicas:
        wait_until(lambda r=replica: r.ready().json()["redis"] == "up", what="the way back")
    context = browser.new_context()
    page = context.new_page()
    page.goto(nginx)
    expect(page.locator("#history-rows .empty")).to_be_visible(timeout=60_000)
    page.set_input_files("#photo input[type=file]", portrait)
    verdict = page.locator("#verdict [role=status]")
    expect(verdict).to_be_visible(timeout=60_000)
    # Moving the threshold runs no model, and counts as nothing.
    page.locator("#adjust button").first.click()
    number = page.locator("#threshold input[type=number]")
    for threshold in ("0", "0.9", "0"):
        number.fill(threshold)
        number.press("Tab")
    expect(page.locator("#verdict")).to_contain_text("Called fake at the threshold")
    refused = page.locator("#verdict [role=alert]")
    for _ in range(8):
        page.locator("#analyse").click()
        page.wait_for_timeout(1500)
        if refused.count():
            break
    expect(refused).to_contain_text("Each visitor has 5 analyses")
    expect(verdict).to_have_count(0)
    expect(page.locator("#history-rows tbody tr")).to_have_count(1)
    context.close()


def test_a_replica_that_is_killed_is_not_noticed_at_the_other_and_answered_for_at_its_own(
    nginx, replicas, portrait
):
    people = {"Accept": "text/html,application/xhtml+xml"}
    sources = [f"127.0.0.{number}" for number in range(20, 32)]
    clients = [
        httpx.Client(transport=httpx.HTTPTransport(local_address=source), timeout=60)
        for source in sources
    ]

    def ask_all():
        """What everybody gets who opens the page, and sends a photo and an event to it."""
        answers = []
        for client in clients:
            with portrait.open("rb") as file:
                answers += [
                    client.get(nginx, headers=people),
                    client.post(f"{nginx}/gradio_api/upload", files={"files": file}),
                    client.post(f"{nginx}/gradio_api/reset", json={}),
                ]
        return answers

    # Connections to both are open, and requests are on their way, when it is killed.
    before = [answer.status_code for answer in ask_all()]
    assert 502 not in before
    with ThreadPoolExecutor() as pool:
        during = pool.submit(ask_all)
        replicas[0].process.kill()
        found = during.result()
    replicas[0].process.wait()
    for answer in found:
        assert answer.status_code != 502 or "being restarted" in answer.text
    # From then on the other one serves everybody.
    assert [answer.status_code for answer in ask_all()] == before
    replicas[1].process.kill()
    replicas[1].process.wait()
    away = clients[0].get(nginx, headers=people)
    assert away.status_code == 502 and 'http-equiv="refresh"' in away.text
    assert away.headers.get_list("content-type") == ["text/html; charset=utf-8"]
    said = clients[0].post(f"{nginx}/gradio_api/queue/join", json={})
    assert said.json()["detail"].startswith("This page is being restarted")
    assert said.headers["content-type"] == "application/json"
    assert away.headers["retry-after"] == said.headers["retry-after"] == "5"
    replicas[0].start()
    wait_until(
        lambda: clients[0].get(nginx, headers=people).status_code == 200, what="the way back"
    )


@pytest.fixture
def alone(folder):
    """A replica on loopback that trusts nobody, with what its environment says besides."""
    made = []

    def make(**settings):
        made.append(Replica(folder, **settings))
        return made[-1]

    yield make
    for replica in made:
        replica.process.kill()


def test_on_this_machine_only_proxied_requests_count_and_no_header_decides(
    alone, portrait, monkeypatch
):
    # What uvicorn would read must change nothing.
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    replica = alone()
    direct = Visitor(replica.url, portrait)
    assert events(direct.detect() for _ in range(7)) == ["complete"] * 7
    liars = [Visitor(replica.url, portrait, forwarded(f"203.0.113.{n}")) for n in range(7)]
    assert events(liar.detect() for liar in liars) == ["complete"] * 5 + ["error"] * 2
    assert replica.log.read_text().count("DEEPFAKE_TRUSTED_PROXIES") == 1


@pytest.mark.parametrize(
    ("number", "host"), [(signal.SIGTERM, "127.0.0.1"), (signal.SIGINT, "::1")]
)
def test_a_page_that_stops_finishes_what_it_has_taken_on(alone, portrait, number, host):
    replica = alone(rate_limit="off", max_queue=10, host=host)
    visitor = Visitor(replica.url, portrait)
    taken = [visitor.send() for _ in range(8)]
    with ThreadPoolExecutor(32) as pool:
        waiting = [pool.submit(Visitor.result, visitor, sent) for sent in taken]
        time.sleep(0.2)
        replica.terminate(number)
        refused = visitor.send()
        # Until the signal has come through, events are still taken on, or the queue is full.
        end = time.monotonic() + 180
        while "being restarted" not in refused.text and time.monotonic() < end:
            if refused.status_code == 200:
                waiting.append(pool.submit(visitor.result, refused))
            else:
                assert "The page is busy" in refused.text
            time.sleep(0.1)
            refused = visitor.send()
        assert "being restarted" in refused.json()["detail"]
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 0
        assert {future.result()[0] for future in waiting} == {"complete"}
    assert replica.process.wait(30) == 0
    assert "Traceback" not in replica.log.read_text()


def test_a_full_queue_says_how_long(alone, portrait, tmp_path):
    replica = alone(rate_limit="off", max_queue=3, interpreters=1)
    # So large that it takes longer to judge than 30 requests to arrive, on a busy machine, too.
    large = tmp_path / "large.jpg"
    Image.open(portrait).convert("RGB").resize((4000, 4000)).save(large)
    visitor = Visitor(replica.url, large)
    assert visitor.detect()[0] == "complete"
    with ThreadPoolExecutor(30) as pool:
        photos = [visitor.upload() for _ in range(30)]
        answers = list(pool.map(visitor.send, photos))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused and {answer.status_code for answer in answers} <= {200, 429}
    sentence = refused[0].json()["detail"]
    assert re.search(r"The page is busy: 3 are waiting. Please try again in about \d+ s", sentence)
    # Nor can anybody go past the queue.
    past = {"data": [visitor.upload(), None, False]}
    assert visitor.client.post(f"{visitor.api}/run/detect", json=past).status_code == 404
