"""Strategies: the paper's table by hand, and limits that are read, refused and written back."""

import pytest

from crosslate.errors import StrategyError
from crosslate.models.methods.full import Limits
from crosslate.models.strategies import STRATEGIES, parse_strategy

ALL = {"src", "tgt", "enc", "dec", "xattn"}

# name: renewed sides, re-initialised groups, trained groups (Gheini, Ren & May 2021, section 3.1)
PAPER = {
    "scratch": (None, ALL, ALL),
    "src": ({"source"}, {"src"}, {"src"}),
    "tgt": ({"target"}, {"tgt"}, {"tgt"}),
    "src+body": ({"source"}, {"src"}, {"src", "enc", "dec", "xattn"}),
    "tgt+body": ({"target"}, {"tgt"}, {"tgt", "enc", "dec", "xattn"}),
    "src+xattn": ({"source"}, {"src"}, {"src", "xattn"}),
    "tgt+xattn": ({"target"}, {"tgt"}, {"tgt", "xattn"}),
    "src+randxattn": ({"source"}, {"src", "xattn"}, {"src", "xattn"}),
    "tgt+randxattn": ({"target"}, {"tgt", "xattn"}, {"tgt", "xattn"}),
    "embed": (set(), set(), {"src", "tgt"}),
    "embed+body": (set(), set(), ALL),
    "embed+xattn": (set(), set(), {"src", "tgt", "xattn"}),
    "embed+randxattn": (set(), {"xattn"}, {"src", "tgt", "xattn"}),
    # Not in the paper: both sides at once.
    "src+tgt+xattn": ({"source", "target"}, {"src", "tgt"}, {"src", "tgt", "xattn"}),
    # Nor this: the kept side's embeddings as well.
    "src+all": ({"source"}, {"src"}, ALL),
    "tgt+all": ({"target"}, {"tgt"}, ALL),
    "src+tgt+all": ({"source", "target"}, {"src", "tgt"}, ALL),
    # Nor the body alone, for pair packs.
    "pair+xattn": (set(), set(), {"xattn"}),
    "pair+body": (set(), set(), {"enc", "dec", "xattn"}),
}


def test_every_strategy_is_here():
    assert STRATEGIES.keys() == PAPER.keys()


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_table(name):
    strategy = parse_strategy(name)
    renews, reinitialise, train = PAPER[name]
    assert strategy.renews == renews
    assert strategy.reinitialise == reinitialise
    assert strategy.train == train
    assert not strategy.limits
    assert str(strategy) == strategy.name == name


def limits(layers=None, projections=None, heads=None, auto=None):
    return Limits(
        None if layers is None else frozenset(layers),
        None if projections is None else frozenset(projections),
        None if heads is None else tuple((layer, frozenset(chosen)) for layer, chosen in heads.items()),
        auto,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("layers=0", limits(layers={0})),
        ("layers=0-2,5", limits(layers={0, 1, 2, 5})),
        ("layers=10-11,1", limits(layers={1, 10, 11})),
        ("k,v", limits(projections={"k", "v"})),
        ("norm", limits(projections={"norm"})),
        ("heads=0:1,3", limits(heads={0: {1, 3}})),
        ("heads=0:1,3;2:0", limits(heads={0: {1, 3}, 2: {0}})),
        ("heads=2:0-1;heads=0:7", limits(heads={0: {7}, 2: {0, 1}})),
        ("layers=0-1;k,v", limits(layers={0, 1}, projections={"k", "v"})),
        ("q;heads=0:1;1:0;layers=0-3", limits({0, 1, 2, 3}, {"q"}, {0: {1}, 1: {0}})),
        ("auto=50%", limits(auto=50)),
        ("layers=1-2;auto=100%;k,v", limits(layers={1, 2}, projections={"k", "v"}, auto=100)),
        (" layers = 0 - 2 , 5 ; v , k ", limits({0, 1, 2, 5}, {"k", "v"})),
    ],
)
def test_limits_are_read_and_written_back(text, expected):
    strategy = parse_strategy(f"src+xattn[{text}]")
    assert strategy.limits == expected
    assert strategy.name == "src+xattn"
    assert strategy.train == {"src", "xattn"}
    assert parse_strategy(str(strategy)) == strategy


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("tgt+xattn[v,k]", "tgt+xattn[k,v]"),
        ("tgt+xattn[layers=2,0,1,5]", "tgt+xattn[layers=0-2,5]"),
        ("tgt+xattn[q;heads=2:0;0:3,1;layers=0,2]", "tgt+xattn[layers=0,2;heads=0:1,3;2:0;q]"),
        ("  embed+body[layers=0] ", "embed+body[layers=0]"),
    ],
)
def test_a_strategy_has_one_spelling(text, written):
    assert str(parse_strategy(text)) == written


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("src+xatn", r"unknown strategy 'src\+xatn'; did you mean 'src\+xattn'\?"),
        ("Tgt", "unknown strategy 'Tgt'; did you mean 'tgt'"),
        ("", "cannot read the strategy ''"),
        ("src+xattn[layers=0", r"cannot read the strategy .* expected a name like src\+xattn\[layers=0-2\]"),
        ("src+xattn[k][v]", "cannot read the strategy"),
        ("src+xattn[]", "unknown projection '' .*; known: q, k, v, o, norm"),
        ("src+xattn[w]", "unknown projection 'w' .*; known: q, k, v, o, norm"),
        ("src+xattn[nrom]", "unknown projection 'nrom' .*; did you mean 'norm'"),
        (
            "src+xattn[layer=0]",
            r"unknown limit 'layer' \(limits look like layers=0-2, .*\); did you mean 'layers'",
        ),
        ("src+xattn[layers=]", "'' is not a number or a range"),
        ("src+xattn[layers=a]", "'a' is not a number or a range"),
        ("src+xattn[layers=-1]", "'-1' is not a number or a range"),
        ("src+xattn[layers=2-0]", "the range '2-0' is empty"),
        ("src+xattn[layers=0-99999999]", "'0-99999999' is not a number or a range"),
        ("src+xattn[layers=0;layers=1]", "limits layers twice"),
        ("src+xattn[k;v]", "limits projections twice; give one list"),
        ("src+xattn[heads=1]", "heads is '1', expected heads by layer, like heads=0:1,3"),
        ("src+xattn[heads=0-1:1]", "expected heads by layer"),
        ("src+xattn[heads=0:1;0:2]", "gives the heads of layer 0 twice"),
        ("src+xattn[heads=0:1;k,v;2:0]", "limits projections twice"),
        ("src+xattn[layers=0;heads=0:1;2:0]", "names heads of layer 2, which is not among its layers 0"),
        ("src+xattn[heads=0:1;q,norm]", "the norm belongs to all heads"),
        ("src+xattn[auto=50]", "auto is '50', expected a share of the heads from 1% to 100%"),
        ("src+xattn[auto=0%]", "auto is '0%', expected a share"),
        ("src+xattn[auto=5%;auto=6%]", "limits auto twice"),
        ("src+xattn[heads=0:1;auto=50%]", "has both heads and auto"),
        ("src+xattn[auto=50%;norm]", "the norm belongs to all heads"),
        ("src[k]", r"'src\[k\]': it does not train cross-attention, so limits have no effect"),
        ("scratch[k]", "all of it must be trained"),
        ("src+randxattn[layers=0]", "all of it must be trained"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, message):
    with pytest.raises(StrategyError, match=message):
        parse_strategy(text)


def test_equal_strategies_are_equal_values():
    assert parse_strategy("src+xattn[v,k]") == parse_strategy("src+xattn[k,v]") != parse_strategy("src+xattn")
    assert hash(parse_strategy("src+xattn[layers=0,1]")) == hash(parse_strategy("src+xattn[layers=0-1]"))


def test_heads_take_the_place_of_the_share_and_of_the_layers():
    strategy = parse_strategy("tgt+xattn[layers=1-2;auto=50%;k,v]")
    assert str(strategy.with_heads({2: [3, 0], 1: []})) == "tgt+xattn[heads=2:0,3;k,v]"
