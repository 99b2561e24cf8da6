"""Fingerprints: a cache that no change slips past; tests/contract follows their definition by hand."""

import pytest
import torch
from torch import nn

from crosslate.models import fingerprint as module
from crosslate.models.fingerprint import CachedFingerprint, fingerprint
from crosslate.models.tensors import distinct_tensors


class Tied(nn.Module):
    def __init__(self, rows=2):
        super().__init__()
        self.b = nn.Linear(2, rows, bias=False)
        self.a = nn.Linear(2, rows, bias=False)
        self.a.weight = self.b.weight
        self.b.weight.data = torch.arange(2.0 * rows).reshape(rows, 2)
        self.register_buffer("kept", torch.tensor([7], dtype=torch.int64))
        self.register_buffer("scalar", torch.tensor(True))
        self.register_buffer("scratch", torch.zeros(3), persistent=False)


def test_names_can_be_left_out():
    names = [name for name, _, _ in distinct_tensors(Tied(), frozenset({"kept", "a.weight"}))]
    assert names == ["b.weight", "scalar"]


def test_layout_in_memory_does_not_matter():
    model, other = Tied(), Tied()
    other.b.weight.data = other.b.weight.data.T.contiguous().T
    assert not other.b.weight.is_contiguous()
    assert fingerprint(other) == fingerprint(model)
    other.a.weight = nn.Parameter(other.b.weight.detach().clone())  # untied
    assert fingerprint(other) != fingerprint(model)


class TestCache:
    @pytest.fixture
    def counted(self, monkeypatch):
        calls = []

        def counting(*arguments):
            calls.append(arguments)
            return fingerprint(*arguments)

        monkeypatch.setattr(module, "fingerprint", counting)
        return calls

    def test_what_did_not_change_is_not_hashed_again(self, counted):
        model, cache = Tied(), CachedFingerprint()
        values = {cache.of(model) for _ in range(5)}
        assert len(values) == len(counted) == 1

    @pytest.mark.parametrize("rows", [2, 2000])
    @pytest.mark.parametrize(
        "change",
        {
            "in place": lambda model: model.b.weight.detach().mul_(2),
            "in place, without gradients": lambda model: nn.init.ones_(model.b.weight),
            "through data": lambda model: model.b.weight.data.add_(1),
            "one number through data": lambda model: model.b.weight.data[-1, -1].neg_(),
            "through numpy": lambda model: model.b.weight.detach().numpy().__setitem__((1, 1), 9),
            "neighbouring rows through data": lambda model: model.b.weight.data.__setitem__(
                slice(0, 2), model.b.weight.data[:2].flip(0)
            ),
            "other data": lambda model: setattr(model.b.weight, "data", model.b.weight.data * 2),
            "another type": lambda model: model.half(),
            "a buffer": lambda model: model.kept.add_(1),
            "a buffer replaced": lambda model: setattr(model, "kept", torch.tensor([8])),
            "untied": lambda model: setattr(model.a, "weight", nn.Parameter(model.b.weight.detach().clone())),
            "a tensor more": lambda model: model.register_buffer("more", torch.zeros(0)),
        }.items(),
        ids=lambda change: change[0],
    )
    def test_every_change_is_seen(self, change, rows):
        model, cache = Tied(rows), CachedFingerprint()
        before = cache.of(model)
        change[1](model)
        assert cache.of(model) == fingerprint(model) != before

    def test_a_replaced_tensor_with_equal_values_keeps_the_value(self):
        model, cache = Tied(), CachedFingerprint()
        before = cache.of(model)
        model.a.weight = model.b.weight = nn.Parameter(model.b.weight.detach().clone())
        assert cache.of(model) == before
