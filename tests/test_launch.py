"""What torchrun says to its processes by their environment, and what a trainer makes of it."""

import pytest

from gcm.error import InputError
from gcm.launch import for_launched, is_first_process, launched_processes, refuse_torchrun

AUTO = {"devices": "auto", "strategy": "auto"}


@pytest.fixture
def torchrun(monkeypatch):
    """This process as one of several: its number, how many there are on all machines, and here."""

    def of(rank, processes, here):
        values = {"RANK": rank, "LOCAL_RANK": rank % here, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": here}
        for name, value in {**values, "TORCHELASTIC_RUN_ID": "none"}.items():
            monkeypatch.setenv(name, str(value))

    return of


@pytest.mark.parametrize(("rank", "first"), [(0, True), (1, False), (2, False)])
def test_there_is_one_first_process_on_all_machines(torchrun, rank, first):
    torchrun(rank, 4, 2)
    assert launched_processes() == 4
    assert is_first_process() == first


@pytest.mark.parametrize("devices", ["auto", -1, 2, [1, 3]])
def test_as_many_devices_as_processes(torchrun, devices):
    torchrun(1, 4, 2)
    found = for_launched({**AUTO, "devices": devices, "precision": "32-true"})
    expected = devices if isinstance(devices, list) else 2
    assert found == {"devices": expected, "num_nodes": 2, "strategy": "ddp", "precision": "32-true"}
    assert for_launched({**AUTO, "strategy": "ddp_find_unused_parameters_true"})["strategy"].endswith("true")


@pytest.mark.parametrize("settings", [{"devices": 4}, {"devices": 1}, {"devices": [0]}, {"num_nodes": 3}])
def test_other_numbers_are_refused(torchrun, settings):
    torchrun(0, 4, 2)
    with pytest.raises(InputError, match=r"torchrun started 2 processes on each of 2 machines; got trainer.devices="):
        for_launched({**AUTO, **settings})


def test_a_process_of_its_own_is_as_it_was(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "8")  # of whoever; torchrun did not start this one
    assert launched_processes() == 1
    assert is_first_process()
    assert for_launched(AUTO) == AUTO
    refuse_torchrun("a sweep")
    with pytest.raises(InputError, match="num_nodes needs torchrun on each machine"):
        for_launched({**AUTO, "num_nodes": 2})


def test_one_process_by_torchrun_is_a_process_of_its_own(torchrun):
    torchrun(0, 1, 1)
    assert for_launched(AUTO) == AUTO
    refuse_torchrun("a sweep")


def test_what_one_process_does(torchrun):
    torchrun(1, 2, 2)
    with pytest.raises(
        InputError, match=r"a sweep works in one process; start it with python train.py, not with torchrun"
    ):
        refuse_torchrun("a sweep")
