"""SIGTERM and Ctrl-C: at once, or where the work can stop."""

import signal

import pytest

from gcm.cli.signals import SIGNALS, Stopped, StopRequest, signals_raise_stopped


@pytest.fixture(autouse=True)
def handlers_restored():
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize("number", SIGNALS)
def test_at_once(number):
    with pytest.raises(Stopped) as caught, signals_raise_stopped():
        signal.raise_signal(number)
    assert caught.value.signal_number == number


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_is_noted_and_the_second_stops(number):
    with StopRequest() as stop:
        signal.raise_signal(number)
        assert stop.signal_number == number
        with pytest.raises(Stopped):
            signal.raise_signal(number)
        stop.signal_number = None


def test_a_request_that_came_too_late_stops_at_the_end():
    with pytest.raises(Stopped), StopRequest() as stop:
        stop.note(signal.SIGTERM, None)
    with StopRequest():
        pass


def test_an_error_is_not_covered_by_the_request():
    def work():
        with StopRequest() as stop:
            stop.note(signal.SIGTERM, None)
            raise MemoryError

    with pytest.raises(MemoryError):
        work()


def test_who_took_the_place_is_replaced_and_later_put_back():
    taken = []
    with StopRequest() as stop:
        signal.signal(signal.SIGTERM, lambda number, frame: taken.append(number))
        stop.listen()
        signal.raise_signal(signal.SIGTERM)
        assert not taken
        assert stop.signal_number == signal.SIGTERM
        stop.signal_number = None


def test_ignored_signals_stay_ignored():
    """As in a process that a script put in the background."""
    earlier = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            signal.raise_signal(signal.SIGINT)
            assert stop.signal_number is None
    finally:
        signal.signal(signal.SIGINT, earlier)


def test_a_stop_that_a_library_makes_an_error_of_is_one():
    def library():
        try:
            signal.raise_signal(signal.SIGINT)
        except BaseException as error:
            raise ValueError("Error building serializer") from error

    with pytest.raises(Stopped), signals_raise_stopped():
        library()
    with pytest.raises(ValueError, match="own"), signals_raise_stopped():
        raise ValueError("own")


def test_it_says_how_to_go_on():
    assert str(Stopped(signal.SIGTERM)) == "stopped; go on: the same command"
    stop = Stopped(signal.SIGTERM, "stopped at step 7", go_on="")
    assert str(stop) == "stopped at step 7; nothing to go on from"
    stop.go_on = "python train.py task=train resume=run"
    assert str(stop) == "stopped at step 7; go on: python train.py task=train resume=run"
