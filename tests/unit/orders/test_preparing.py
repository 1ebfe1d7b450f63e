"""From a profile to a run directory, without a terminal: what is refused, what is told, and what is written."""

from pathlib import Path

import pytest

from loratui.dataset.checks import Report
from loratui.errors import BaseModelError, RunError
from loratui.orders.preparing import (
    DEMO,
    DatasetRefused,
    Order,
    bases_of,
    create_all,
    demo_order,
    order_of,
    prepare,
    prepare_each,
)
from loratui.paths import runs_directory
from loratui.profile.schema import Profile
from loratui.profile.store import profile_path, write_profile
from loratui.runs.directory import list_runs
from tests.small_dataset import small_profile, write_pictures


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """Six pictures and a base of nothing."""
    base = tmp_path / "base"
    base.mkdir()
    (base / "model_index.json").write_text("{}")
    return small_profile(base, write_pictures(tmp_path / "pictures"), tmp_path / "out")


def test_a_prepared_order_has_a_plan_and_nothing_is_written(profile: Profile, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))

    (prepared,) = prepare([Order(profile, "disc", "disc.toml")])

    assert prepared.plan.name == "disc"
    assert prepared.plan.steps == 2 * (6 * 2 // 3)
    assert prepared.report.images
    assert prepared.notes == ()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_taken_name_is_counted_up_and_said(profile: Profile, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "disc.safetensors").write_bytes(b"")

    (prepared,) = prepare([Order(profile, "disc", "disc.toml")])
    (replacing,) = prepare([Order(profile, "disc", "disc.toml")], force=True)

    assert prepared.plan.name != "disc"
    assert prepared.notes == (
        f"disc is taken, by files or by a run that can be resumed; this is {prepared.plan.name}.",
    )
    assert (replacing.plan.name, replacing.notes) == ("disc", ())


def test_two_orders_of_one_name_write_two_files(profile: Profile) -> None:
    order = Order(profile, "disc", "disc.toml")

    names = [prepared.plan.name for prepared in prepare([order, order])]

    assert names[0] == "disc"
    assert len(set(names)) == 2


def test_pictures_that_cannot_be_trained_are_refused_with_all_their_problems(profile: Profile, tmp_path: Path) -> None:
    (tmp_path / "pictures" / "7.png").write_bytes(b"no picture")
    for number in range(1, 7):
        (tmp_path / "pictures" / f"{number}.png").write_bytes(b"no picture either")
    heard: list[Report] = []

    with pytest.raises(DatasetRefused) as refused:
        list(prepare_each([Order(profile, "disc", "disc.toml")], on_report=heard.append))

    assert refused.value.problems[0].severity == "stop"
    assert refused.value.what == refused.value.problems[0].message
    assert [report.problems for report in heard] == [refused.value.problems]


def test_a_base_that_is_not_there_is_refused(profile: Profile, tmp_path: Path) -> None:
    profile.model.base = str(tmp_path / "gone")

    with pytest.raises(BaseModelError):
        prepare([Order(profile, "disc", "disc.toml")])


def test_a_run_directory_is_written_for_each_order(profile: Profile) -> None:
    prepared = prepare([Order(profile, "disc", "/home/emi/disc.toml", ("training.epochs=2",))])

    (run,) = create_all(prepared)

    assert run.read_profile().output.name == "disc"
    assert run.read_origin() == "/home/emi/disc.toml"
    assert list_runs(runs_directory()) == (run,)


def test_no_run_is_left_behind_when_one_cannot_be_written(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare([Order(profile, "disc", ""), Order(profile, "disc", "")])
    unwritable = prepared[1].profile.model_copy(deep=True)
    unwritable.output.__dict__["name"] = "n" * 300  # longer than a file's name may be
    prepared[1] = type(prepared[1])(prepared[1].order, unwritable, prepared[1].plan, prepared[1].report)

    with pytest.raises(RunError):
        create_all(prepared)

    assert list_runs(runs_directory()) == ()


def test_a_saved_profile_is_ordered_by_its_name(profile: Profile) -> None:
    profile.output.name = ""
    write_profile(profile, profile_path("emi"), "emi")

    order = order_of("emi", ["training.epochs=3"])

    assert (order.name, order.profile.training.epochs) == ("emi", 3)
    assert order.origin == str(profile_path("emi"))


def test_the_demo_can_be_written_elsewhere(tmp_path: Path) -> None:
    order = demo_order(str(tmp_path))

    assert order.origin == DEMO
    assert order.profile.output.directory == str(tmp_path)


def test_every_base_of_a_profile_is_named_once(profile: Profile) -> None:
    profile.comparison.other_bases = ["demo", profile.model.base]

    assert bases_of(profile) == (profile.model.base, "demo")
