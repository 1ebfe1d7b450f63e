"""What `run` and `demo` say of an order before it begins: its problems, its plan, and the bases it waits for."""

from collections.abc import Iterable, Sequence

from loratui.command_line.planning import say_plan, say_problems
from loratui.command_line.terminal import Refused, Terminal
from loratui.generation.check import check_kinds
from loratui.hub.models import fetch, locate
from loratui.orders.preparing import DatasetRefused, Order, Prepared, bases_of, prepare_each
from loratui.profile.schema import Profile
from loratui.runs.places import DiskNeed


def prepare(orders: Sequence[Order], force: bool, terminal: Terminal) -> list[Prepared]:
    """Check every order and say its plan; nothing is written.

    Raises:
        LoratuiError: one of them cannot be trained.
    """
    prepared: list[Prepared] = []
    try:
        for one in prepare_each(orders, force, lambda report: say_problems(report.problems, terminal)):
            for note in one.notes:
                terminal.say(note)
            say_plan(one.plan, terminal)
            prepared.append(one)
    except DatasetRefused as refused:
        raise Refused(refused.what, refused.todo, problems=refused.report.as_json()["problems"]) from refused
    return prepared


def fetch_bases(profile: Profile, terminal: Terminal, needs: Iterable[DiskNeed] = ()) -> None:
    """Make sure that every base of a profile is on this computer; `needs` is what will be written besides.

    Raises:
        LoratuiError: one cannot be had or, now that it can be looked into, does not belong with the others.
    """
    others = [(need.directory, need.bytes) for need in needs]
    for base in bases_of(profile):
        location = locate(base)
        if location.kind in ("hub", "hub_file"):
            terminal.say(f"Making sure that {location.name} is on this computer; a first download takes a while.")
        fetch(location, others=others)
    if profile.comparison.enabled:
        check_kinds(profile.model, profile.comparison)
