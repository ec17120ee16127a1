"""Whole numbers reach the board with all of their digits."""

import pytest
from engine_rig import EngineRig
from reference_board import ReferenceBoard


@pytest.mark.parametrize(
    ("text", "seed"),
    [
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775806", 2**63 - 2),
        ("+9007199254740993", 2**53 + 1),
        ("#H7FFFFFFFFFFFFFFD", 2**63 - 3),
        ("#Q777777777777777777775", 2**63 - 3),
        ("MAX", 2**63 - 1),
        ("MIN", 0),
        ("12.5", 13),
        ("1e3", 1000),
        ("00012", 12),
    ],
)
def test_a_seed_keeps_all_of_its_digits(text, seed):
    board = ReferenceBoard()
    link = EngineRig(hardware=board).open_link()
    link.tell(f"SIM:SEED {text}")
    assert link.errors() == []
    assert board.seeds == [seed]


@pytest.mark.parametrize(
    "text", ["9223372036854775808", "-1", "1" * 40, "#H" + "F" * 400, "#H8000000000000000"]
)
def test_a_seed_beyond_its_limits_is_out_of_range(text):
    board = ReferenceBoard()
    link = EngineRig(hardware=board).open_link()
    link.tell(f"SIM:SEED {text}")
    assert link.errors() == [-222]
    assert board.seeds == []
