"""Plots about settlements: what operators do around them, and what the rail makes of them."""

from itertools import permutations

from simulator.world.scenarios.scene import Scene, plot
from simulator.world.scenarios.sites import BOOTED_MS, STEP_MS, abroad, device, market, price, site
from simulator.world.story import Options

_NIGHTS = 30
_ASKED = range(10, 20)
"""The nights on which the money of runs waits for a second person."""
_ORDERS = tuple(permutations(("suspend", "settle", "close", "resume")))


@plot(
    "a month of nightly settlements, for ten days by a schedule and two people, with a rail that "
    "reports days late",
    "settled_by_schedule",
    "settled_by_debt",
    "run_approved",
    "run_rejected",
    "decided_late",
    "approved_alone",
    "approval_ended",
    "approval_ended_alone",
    "money_killed",
    "rail_rejected",
    "rail_read_twice",
    "rail_recorded_twice",
    "settlement_killed",
)
def month(scene: Scene) -> Options:
    """Each night a settlement; the rail pays each night and says so days later, refuses some, reads
    files again, and what it said is recorded twice or as its opposite. Now and then a settlement
    dies and is made again in the morning. From the tenth night to the twentieth a schedule settles,
    and a second person decides: too late, twice, or one person alone, and somebody dies meanwhile.
    """
    lag = scene.over((3, 0, 1, 7))
    bad = scene.over((2, 3, 5))
    tariff = price(scene.over((300, 7)), scene.over((1, 2)), units=300, lifetime_s=7 * 86_400)
    devices = (0, 2, 3, 4)
    draw = scene.draw
    scene.wait(BOOTED_MS)
    for night in range(_NIGHTS):
        for number in devices:
            scene.do("consume", number, draw.randrange(8))
        scene.wait(2_500)
        if night == _ASKED[0]:
            least = scene.over((0, 2_000))
            scene.do("schedule", -1, "0 2 * * *", "Europe/Berlin", least, 0, 1)
        if night == _ASKED[-1] + 1:
            _end_approval(scene)
        trouble = night % bad == 0
        if night in _ASKED:
            _decided_by_two(scene, night)
        elif trouble:
            what = scene.over(("reject", "killed", "again", "twice", "raced"))
            if what == "reject":
                scene.do("rail_reject", draw.randint(1, 2))
            if what == "killed":
                point = draw.choice(("execute", "before_commit", "after_submit", "before_submit"))
                scene.do("settle_killed", point, draw.randrange(30) if point == "execute" else 0)
            if what == "raced":
                scene.do("settle_raced", draw.randrange(2))
            if what == "twice":
                scene.do("settle_twice")
        else:
            scene.do("settle")
        scene.do("rail_execute")
        if trouble and draw.random() < 0.5:
            scene.do("rail_again")
        if night >= lag:
            scene.do("report", draw.choice((3, 3, 1, 100)))
        if trouble:
            scene.do(draw.choice(("report_again", "report_opposite")))
        scene.do("sleep", 24)
    return site(scene, tariff, [*market(tariff), device(tariff, chain=12), abroad()])


def _decided_by_two(scene: Scene, night: int) -> None:
    """What one night's run comes to that nobody asked for, or that one of two people did."""
    if night % 3 == 0:
        point = scene.draw.choice(("execute", "before_commit", "after_commit"))
        scene.do("kill_money", point, scene.draw.randrange(40 if point == "execute" else 5))
        scene.do("due", 0)
    scene.do("due", 1)
    if night % 3 == 1:
        scene.consume((2, 3), 4)
        scene.wait(2_500)
        scene.do("settle")
        scene.do("approve_run", 0)
        scene.do("approve_run", 1)
    scene.do("approve_run" if night % 4 else "reject_run", *((0,) if night % 4 else ()))
    if night % 2:
        scene.do("approve_again")
    scene.do("decide_late")


def _end_approval(scene: Scene) -> None:
    """One person can't, two can; then who owes anything at all is settled at once."""
    scene.do("schedule", -1, "", "UTC", 0, 0, 0)
    scene.do("end_approval", -1, 0)
    scene.do("end_approval", -1, 1)
    scene.do("end_approval", -1, 0)
    scene.do("due", 0)
    scene.do("schedule", 1, "", "UTC", 0, 1, 0)
    scene.consume((0, 2, 3), 7)
    scene.wait(2_500)
    scene.do("due", 1)


@plot(
    "an operator suspends, settles, closes and resumes in every order around a run",
    "suspended",
    "closed_by_operator",
    "double_click",
    "decision_between",
)
def office(scene: Scene) -> Options:
    """One operator suspends, settles, closes and resumes in every order, each step once or twice
    clicked, between the gateway's transactions or between words; and then in another order."""
    orders = [scene.over(_ORDERS), scene.over(_ORDERS[7:] + _ORDERS[:7])]
    how = scene.over(("once", "twice", "between"))
    gap_ms = scene.over((1_100, 5, 25, 4_000))
    tariff = price(300, units=30, window=8)
    devices = range(3)
    scene.wait(BOOTED_MS)
    for order in orders:
        scene.consume(devices, 12)
        scene.wait(STEP_MS * scene.over(range(1, 8)))
        for step in order:
            if how == "twice" and step != "settle":
                scene.do("twice", step, 0)
            elif how == "twice":
                scene.do("settle_twice")
            elif how == "between":
                scene.do("decide_between", step, 0, 0)
                scene.consume(devices, 2)
                scene.wait(30)
            elif step == "settle":
                scene.do("settle")
            else:
                scene.do(step, 0)
            scene.wait(gap_ms)
        scene.do("rail_execute")
        scene.do("report", 100)
        scene.do("resume", 0)
        scene.wait(15_000)
    return site(scene, tariff, [device(tariff), device(tariff), device(tariff, chain=8)])


@plot(
    "a settlement dies at each step, and so does the one that goes on with it",
    "settlement_killed",
    "settlement_raced",
    "closed_by_operator",
)
def dying_run(scene: Scene) -> Options:
    """A settlement dies at each statement, commit and file, the next one goes on with it, dies a
    few statements later, and devices pay meanwhile."""
    at = scene.over(range(60))
    point = scene.over(("execute", "before_submit", "before_commit", "after_submit"))
    commit = scene.over((0, 1, 2))
    tariff = price(scene.over((250, 1)), scene.over((1, 3)), units=60)
    devices = (0, 2, 3)
    scene.wait(BOOTED_MS)
    for _ in range(3):
        scene.consume((*devices, 4), 12)
        scene.wait(STEP_MS * scene.over(range(1, 10)))
        scene.do("settle_killed", "execute", at)
        scene.consume(devices, 3)
        scene.wait(300)
        scene.do("settle_killed", point, (at + 7) % 60 if point == "execute" else commit)
        scene.do("rail_execute")
        scene.do("close", 3)
        scene.do("settle_raced", commit % 2)
        scene.do("rail_execute")
        scene.do("report", 2)
        scene.wait(4_000)
    return site(scene, tariff, [*market(tariff), device(tariff), abroad()])


@plot(
    "a run is posted in parts of a channel or two; devices pay, close and die between them",
    "settlement_killed",
    "settlement_raced",
    "closed_by_operator",
    "gateway_killed",
)
def parts(scene: Scene) -> Options:
    """Between two parts payments and closes are taken, a gateway dies or is replaced, another
    operator settles too, or the operator dies and another goes on with the run."""
    part = scene.over((1, 2, 3))
    after = scene.over(range(6))
    meanwhile = scene.over(("work_goes_on", "kill_gateway", "second_gateway", "a_day_passes"))
    dies = scene.over(("before_commit", "after_commit", "execute"))
    tariff = price(scene.over((300, 7)), scene.over((1, 2)), units=20, window=25)
    devices = (0, 2, 3, 4)
    scene.wait(BOOTED_MS + 2_000)
    for turn in range(3):
        scene.consume(devices, 9)
        scene.wait(200)
        # On its way as the run begins; the last fills its channel, which closes.
        scene.do("consume", turn % 2 * 2, 5)
        scene.do("consume", 3, 11)
        scene.do("close", 4)
        scene.do("settle_while", "work_goes_on", (after + turn) % 6)
        scene.consume(devices, 2)
        scene.do("settle_while", meanwhile, after)
        scene.consume(devices, 2)
        scene.do("settle_killed", dies, after + turn)
        scene.do("settle_raced", after)
        scene.do("rail_execute")
        scene.do("report", scene.over((2, 100)))
        scene.wait(9_000)
    fleet = [*market(tariff), device(tariff, chain=8), device(tariff, account="kiosk")]
    return site(scene, tariff, fleet, run_part=part)


@plot(
    "an owner's credit runs out with each channel, and a settlement frees it",
    "rail_rejected",
    "device_reset",
    "gateway_killed_in_step",
)
def credit(scene: Scene) -> Options:
    """The owner may owe six channels' worth, and its devices want nine: the rest waits for a
    settlement that is paid, or refused by the rail and made again. Somebody dies meanwhile."""
    units = scene.over((10, 25, 6))
    less = scene.over((0, 1, 2))
    refuses = scene.over((1, 0, 2))
    who = scene.over(("gateway", "device", "settlement", "nobody"))
    tariff = price(300, units=units, window=10)
    devices = range(3)
    scene.wait(BOOTED_MS)
    for _ in range(2):
        scene.consume(devices, 3 * units - less)
        scene.wait(STEP_MS * scene.over(range(1, 12)))
        if who == "gateway":
            scene.do("kill_gateway_at", "execute", scene.over(range(12)), 300)
        if who == "device":
            scene.do("reset", 0)
        scene.wait(9_000)
        scene.do("rail_reject", refuses)
        if who == "settlement":
            scene.do("settle_killed", "after_submit", 0)
        for _ in range(4):
            scene.settle()
            # A device that was refused asks again after a minute at most.
            scene.wait(70_000)
    return site(scene, tariff, [device(tariff) for _ in devices], credit=6 * tariff.capacity)


PLOTS = (month, office, dying_run, parts, credit)
