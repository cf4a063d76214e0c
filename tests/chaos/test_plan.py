"""The plan comes from the seed alone."""

import plan


def test_the_same_seed_gives_the_same_plan_and_another_one_another():
    assert list(plan.lines(7)) == list(plan.lines(7))
    assert list(plan.lines(7)) != list(plan.lines(8))


def test_a_first_deck_holds_every_fault_once():
    for seed in range(20):
        for name, deck in plan.DECKS.items():
            drawn = [(step.fault, step.how) for step in plan.first_deck(seed, name)]
            assert sorted(drawn) == sorted((fault, how) for fault, how, *_ in deck)


def test_a_worker_is_stopped_for_longer_than_any_session_where_that_is_meant():
    options = [plan.options(seed) for seed in range(100)]
    assert {each.session_ms for each in options} == {6000, 8000, 10000}
    assert {each.static_members for each in options} == {True, False}
    assert all(each.partitions < each.grown_partitions for each in options)
