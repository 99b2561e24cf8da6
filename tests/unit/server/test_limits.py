import pytest

from crosslate.server.limits import RateLimiter
from crosslate.server.refusals import Refusal


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_the_window_moves(clock):
    limiter = RateLimiter(clock=clock)
    for second in (0, 20, 40):
        clock.now = 1000 + second
        limiter.charge("a", "/translate", 1, 3)
    with pytest.raises(Refusal, match="Slowdown: 3 per 1 minute") as refused:
        limiter.charge("a", "/translate", 1, 3)
    assert refused.value.status == 429 and refused.value.headers == {"Retry-After": "20"}
    clock.now = 1060
    limiter.charge("a", "/translate", 1, 3)
    with pytest.raises(Refusal):
        limiter.charge("a", "/translate", 1, 3)


def test_a_list_costs_its_length(clock):
    limiter = RateLimiter(clock=clock)
    limiter.charge("a", "/translate", 2, 3)
    with pytest.raises(Refusal):
        limiter.charge("a", "/translate", 2, 3)
    limiter.charge("a", "/translate", 1, 3)  # what was refused has cost nothing


def test_clients_and_routes_are_apart(clock):
    limiter = RateLimiter(clock=clock)
    for client, route in (("a", "/translate"), ("b", "/translate"), ("a", "/detect")):
        limiter.charge(client, route, 1, 1)
    with pytest.raises(Refusal):
        limiter.charge("a", "/detect", 1, 1)


def test_without_a_limit(clock):
    limiter = RateLimiter(clock=clock)
    for _ in range(100):
        limiter.charge("a", "/translate", 1000, -1)


def test_a_flood_bans_for_an_hour(clock):
    limiter = RateLimiter(2, clock=clock)
    limiter.charge("a", "/translate", 1, 1)
    for _ in range(3):
        with pytest.raises(Refusal, match="Slowdown"):
            limiter.charge("a", "/translate", 1, 1)
    clock.now += 120
    with pytest.raises(Refusal, match="Too many request limits violations") as banned:
        limiter.charge("a", "/translate", 1, 1)
    assert banned.value.status == 403
    limiter.charge("b", "/translate", 1, 1)
    clock.now += 3600
    limiter.charge("a", "/translate", 1, 1)


def test_clients_that_have_gone_are_forgotten(clock, monkeypatch):
    monkeypatch.setattr("crosslate.server.limits._MAX_CLIENTS", 5)
    limiter = RateLimiter(clock=clock)
    for number in range(50):
        clock.now += 30
        limiter.charge(f"client {number}", "/translate", 1, 1)
    assert len(limiter._windows) <= 6
