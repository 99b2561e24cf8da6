"""Rivals as data: their table by hand, and values in brackets that are read, refused and written back."""

import pytest

from crosslate.errors import StrategyError
from crosslate.models.methods.method import Method
from crosslate.models.strategies import RIVALS, STRATEGIES, parse_strategy

ALL = {"src", "tgt", "enc", "dec", "xattn"}

# name: trained groups, method, what the name says in full
TABLE = {
    "src+all": (ALL, None, "src+all"),
    "src+bitfit": ({"src", "enc", "dec", "xattn"}, Method("bitfit"), "src+bitfit"),
    "src+lora": ({"src"}, Method("lora", "xattn", 8), "src+lora[xattn;rank=8]"),
    "src+ia3": ({"src"}, Method("ia3"), "src+ia3"),
    "src+adapters": ({"src"}, Method("adapters", "", 64), "src+adapters[width=64]"),
    "src+prefix": ({"src"}, Method("prefix", "", 4), "src+prefix[length=4]"),
}


def other_side(text):
    return text.replace("src", "tgt", 1)


def test_every_rival_is_here_and_none_is_the_papers():
    assert set(RIVALS) == set(TABLE) | set(map(other_side, TABLE))
    assert not RIVALS.keys() & STRATEGIES.keys()


@pytest.mark.parametrize("name", TABLE)
def test_the_table(name):
    train, method, full = TABLE[name]
    source, target = parse_strategy(name), parse_strategy(other_side(name))
    assert (source.renews, target.renews) == ({"source"}, {"target"})
    assert (source.reinitialise, target.reinitialise) == ({"src"}, {"tgt"})
    assert source.train == train
    assert target.train == (train if name == "src+all" else (train - {"src"}) | {"tgt"})
    assert source.method == target.method == method
    assert (str(source), str(target)) == (full, other_side(full))
    assert parse_strategy(full) == source


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("src+lora[attention]", "src+lora[attention;rank=8]"),
        ("tgt+lora[rank=4]", "tgt+lora[xattn;rank=4]"),
        (" src+lora[ rank = 2 ; attention ] ", "src+lora[attention;rank=2]"),
        ("src+adapters[width=1]", "src+adapters[width=1]"),
        ("src+prefix[length=4096]", "src+prefix[length=4096]"),
    ],
)
def test_values_are_read_and_written_back(text, full):
    assert str(parse_strategy(text)) == full
    assert parse_strategy(full) == parse_strategy(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("src+lorra", "did you mean 'src+lora'"),
        ("src+lora[rank=0]", "rank is '0', expected a whole number from 1 to 4096"),
        ("src+lora[rank=4097]", "from 1 to 4096"),
        ("src+lora[rank=two]", "rank is 'two'"),
        ("src+lora[rank=4;rank=8]", "gives rank twice"),
        ("src+lora[xattn;attention]", "gives where twice"),
        ("src+lora[atention]", "lora has no 'atention'; did you mean 'attention'"),
        ("src+lora[width=4]", "lora has no 'width=4'"),
        ("src+adapters[xattn]", "adapters has no 'xattn'; known: width="),
        ("src+ia3[rank=4]", "ia3 has no 'rank=4'; leave the brackets out"),
        ("src+bitfit[layers=0]", "bitfit has no 'layers=0'"),
        ("src+all[q,k]", None),
    ],
)
def test_what_means_nothing_is_refused(text, message):
    if message is None:  # limits are of whole tensors, which src+all trains
        assert str(parse_strategy(text)) == "src+all[q,k]"
        return
    with pytest.raises(StrategyError) as refused:
        parse_strategy(text)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("method", "label"),
    [(Method("lora", "attention", 2), "lora-attention"), (Method("prefix", "", 3), "prefix")],
)
def test_labels_leave_the_size_out(method, label):
    assert method.label == label
