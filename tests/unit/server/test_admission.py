import time

import pytest

from crosslate.server.admission import RateLimiter
from crosslate.server.answers import Refusal

SLOW, BANNED = "Slowdown: {} per 1 minute", "Too many request limits violations"
# Second, client, route, cost and limit; and the status and Retry-After of a refusal.
CHARGES = {
    "the window moves": (-1, [
        (0, "a", "/translate", 1, 3, None), (20, "a", "/translate", 1, 3, None), (40, "a", "/translate", 1, 3, None),
        (40, "a", "/translate", 1, 3, (429, "20")), (60.5, "a", "/translate", 1, 3, None),
        (60.5, "a", "/translate", 1, 3, (429, "20")),
    ]),
    "a list costs its length, and what is refused nothing": (-1, [
        (0, "a", "/translate", 2, 3, None), (0, "a", "/translate", 2, 3, (429, "60")), (0, "a", "/translate", 1, 3, None),
    ]),
    "clients and routes are apart": (-1, [
        (0, "a", "/translate", 1, 1, None), (0, "b", "/translate", 1, 1, None), (0, "a", "/detect", 1, 1, None),
        (0, "a", "/detect", 1, 1, (429, "60")), (0, "a", "/detect", 100_000, -1, None),
    ]),
    "a flood bans for an hour": (2, [
        (0, "a", "/translate", 1, 1, None), *[(0, "a", "/translate", 1, 1, (429, "60"))] * 3,
        (120, "a", "/detect", 1, 1, (403, "3480")), (120, "b", "/translate", 1, 1, None),
        (3720, "a", "/translate", 1, 1, None),
    ]),
}  # fmt: skip


@pytest.mark.parametrize(("refusals_per_hour", "charges"), CHARGES.values(), ids=CHARGES)
def test_charges(monkeypatch, refusals_per_hour, charges):
    limiter = RateLimiter(refusals_per_hour)
    for second, client, route, cost, limit, expected in charges:
        for clock in ("time", "monotonic"):
            monkeypatch.setattr(f"time.{clock}", lambda now=1000 + second: now)
        if expected is None:
            limiter.charge(client, route, cost, limit)
            continue
        with pytest.raises(Refusal) as refusal:
            limiter.charge(client, route, cost, limit)
        message = BANNED if expected[0] == 403 else SLOW.format(limit)
        found = refusal.value
        assert (found.status, found.headers["Retry-After"], found.message) == (*expected, message)


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_is_set_locks_nobody_out(monkeypatch, hours):
    limiter = RateLimiter(0)
    limiter.charge("a", "/translate", 1, 1)
    with pytest.raises(Refusal, match="Slowdown"):
        limiter.charge("a", "/translate", 1, 1)
    now = time.time() + 3600 * hours
    monkeypatch.setattr("time.time", lambda: now)
    limiter.charge("a", "/translate", 1, 1)
    with pytest.raises(Refusal) as refusal:
        limiter.charge("a", "/translate", 1, 1)
    assert int(refusal.value.headers["Retry-After"]) <= 60
