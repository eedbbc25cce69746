"""Transactions: what nft is told, and that it takes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npol_lab.net.nft import Chain, NftError, Ruleset, Set, transaction

VERDICTS = "ipv4_addr : verdict"


def _ruleset(sets=None, **chains):
    made = {
        name: rules if isinstance(rules, Chain) else Chain(rules) for name, rules in chains.items()
    }
    return Ruleset(sets or {}, made)


def test_an_equal_ruleset_needs_no_transaction():
    one = _ruleset({"s": Set("ipv4_addr", {"10.0.0.1": ""})}, a=("drop",))
    same = _ruleset({"s": Set("ipv4_addr", {"10.0.0.1": ""})}, a=("drop",))
    assert transaction("t", one, same) == ""


def test_a_new_element_touches_only_its_set():
    before = _ruleset({"s": Set("ipv4_addr", {"10.0.0.1": ""})}, a=("drop",))
    after = _ruleset({"s": Set("ipv4_addr", {"10.0.0.1": "", "10.0.0.2": ""})}, a=("drop",))
    assert transaction("t", before, after) == "add element ip t s { 10.0.0.2 }\n"


def test_a_changed_value_is_taken_out_and_put_in():
    before = _ruleset({"m": Set(VERDICTS, {"10.0.0.1": "goto a"})}, a=(), b=())
    after = _ruleset({"m": Set(VERDICTS, {"10.0.0.1": "goto b"})}, a=(), b=())
    assert transaction("t", before, after).splitlines() == [
        "delete element ip t m { 10.0.0.1 }",
        "add element ip t m { 10.0.0.1 : goto b }",
    ]


@pytest.mark.parametrize("text", ["10.0.0.1 }\nflush ruleset", '10.0.0.1 }; include "/etc/shadow"'])
def test_what_would_be_a_command_of_its_own_or_read_a_file_is_not_handed_to_nft(text):
    with pytest.raises(NftError, match="not a rule"):
        transaction("t", Ruleset(), _ruleset({"s": Set("ipv4_addr", {text: ""})}))
    with pytest.raises(NftError, match="not a rule"):
        transaction("t", Ruleset(), _ruleset(a=(f"dnat to {text}",)))


def test_chains_are_declared_before_they_are_referred_to_and_deleted_after():
    before = _ruleset(a=("jump old",), old=("drop",))
    after = _ruleset(a=("jump new",), new=("drop",))
    lines = transaction("t", before, after).splitlines()
    assert lines.index("add chain ip t new") < lines.index("add rule ip t a jump new")
    assert lines.index("flush chain ip t a") < lines.index("delete chain ip t old")


def test_a_hook_is_declared_with_its_chain():
    hook = "type filter hook forward priority filter"
    lines = transaction("t", Ruleset(), _ruleset(f=Chain((), hook)))
    assert lines == f"add chain ip t f {{ {hook}; policy accept; }}\n"


addresses = st.integers(1, 9).map(lambda n: f"10.0.0.{n}")
chain_names = st.sampled_from(["c1", "c2", "c3"])


@st.composite
def rulesets(draw):
    """Chains that jump forward only, sets, and a map into the chains."""
    names = sorted(draw(st.sets(chain_names, min_size=1)))
    chains = {}
    for i, name in enumerate(names):
        jumps = [f"jump {other}" for other in names[i + 1 :] if draw(st.booleans())]
        chains[name] = Chain((*jumps, "drop"))
    sets = {
        "m": Set(
            VERDICTS,
            draw(st.dictionaries(addresses, st.sampled_from(names).map(lambda n: f"goto {n}"))),
        )
    }
    if draw(st.booleans()):
        sets["s"] = Set("ipv4_addr", dict.fromkeys(draw(st.sets(addresses)), ""))
        last = chains[names[-1]]
        chains[names[-1]] = Chain(("ip saddr @s accept", *last.rules))
    chains["base"] = Chain(("ip saddr vmap @m",), "type filter hook forward priority filter")
    return Ruleset(sets, chains)


@pytest.mark.lab
def test_nft_takes_every_way_from_one_ruleset_to_another(net):
    """All of them in one table of their own, each from where the last one ended."""
    steps = []

    @given(rulesets())
    def collect(ruleset):
        steps.append(ruleset)

    collect()
    old = Ruleset()
    for new in steps:
        commands = transaction("trial", old, new)
        if commands:
            net.ask("nft", node="lab-1", commands="add table ip trial\n" + commands)
        old = new
    net.ask("nft", node="lab-1", commands="delete table ip trial\n")
    assert len(steps) >= 50
