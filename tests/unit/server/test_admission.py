import pytest

from crosslate.server.admission import RateLimiter
from crosslate.server.answers import Refusal


@pytest.fixture
def clock(monkeypatch):
    """``clock[0]`` is the time in seconds."""
    now = [1000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    return now


def refused(limiter, *charge):
    with pytest.raises(Refusal) as refusal:
        limiter.charge(*charge)
    return refusal.value.status, refusal.value.message, refusal.value.headers.get("Retry-After")


def test_the_window_moves(clock):
    limiter = RateLimiter()
    for second in (0, 20, 40):
        clock[0] = 1000 + second
        limiter.charge("a", "/translate", 1, 3)
    assert refused(limiter, "a", "/translate", 1, 3) == (429, "Slowdown: 3 per 1 minute", "20")
    clock[0] = 1060.5
    limiter.charge("a", "/translate", 1, 3)
    refused(limiter, "a", "/translate", 1, 3)


def test_a_list_costs_its_length_and_what_is_refused_nothing(clock):
    limiter = RateLimiter()
    limiter.charge("a", "/translate", 2, 3)
    refused(limiter, "a", "/translate", 2, 3)
    limiter.charge("a", "/translate", 1, 3)


def test_clients_and_routes_are_apart(clock):
    limiter = RateLimiter()
    for client, route in (("a", "/translate"), ("b", "/translate"), ("a", "/detect")):
        limiter.charge(client, route, 1, 1)
    refused(limiter, "a", "/detect", 1, 1)
    for _ in range(100):
        limiter.charge("a", "/detect", 1000, -1)


def test_a_flood_bans_for_an_hour(clock):
    limiter = RateLimiter(2)
    limiter.charge("a", "/translate", 1, 1)
    for _ in range(3):
        assert refused(limiter, "a", "/translate", 1, 1)[0] == 429
    clock[0] += 120
    assert refused(limiter, "a", "/detect", 1, 1) == (403, "Too many request limits violations", "3480")
    limiter.charge("b", "/translate", 1, 1)
    clock[0] += 3600
    limiter.charge("a", "/translate", 1, 1)
