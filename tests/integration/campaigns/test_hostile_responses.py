"""A short campaign of hostile responses; ``make crash-test`` runs the whole one."""

from hostile_campaign import run, wrongs
from hostile_responses import all_responses, some_responses


def test_there_are_300_responses_or_more():
    assert len(all_responses()) >= 300


def test_no_response_harms_the_client():
    responses = all_responses()
    outcomes = run(some_responses(), at_once=3)
    assert {responses[number].name: wrong for number, found in outcomes.items() if (wrong := wrongs(found))} == {}
