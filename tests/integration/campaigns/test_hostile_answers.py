"""A short campaign of hostile answers; ``make crash-test`` runs the whole one."""

from hostile_answers import all_answers, some_answers
from hostile_campaign import run, wrongs


def test_there_are_at_least_300_answers():
    assert len(all_answers()) >= 300


def test_no_answer_harms_who_asks():
    answers = all_answers()
    outcomes = run(some_answers(), at_once=3)
    assert {answers[number].name: wrong for number, found in outcomes.items() if (wrong := wrongs(found))} == {}
