"""Random programs for the engine's tests: nested loops, shared units and pipes, dependencies and credits."""

from collections import Counter
from dataclasses import dataclass

from twin import variant, walk

from accel_sim.engine.program import VARIANTS, ProgramBuilder

TAGS = 3


@dataclass
class Spec:
    """A task before it is written: the arguments of ProgramBuilder.task that are known so far."""

    options: dict
    waits: list
    posts: list


def random_program(random, *, counts=(1, 4), size=200, irregular=0.15):
    """Return a ProgramBuilder.

    random: a random.Random, or hypothesis's; counts: bounds of loop counts; size: bound of a stream's tasks;
    irregular: share of tasks with tables, of loops with slopes and of amounts that differ in last iterations.

    Dependencies go from earlier to later streams and start with what they would be short of in the end, so they
    cannot deadlock. Credits go back; they hold what is used at once, but may still deadlock.
    """
    while True:
        outline = [_outline(random, counts, irregular) for _ in range(random.randint(1, 5))]
        if all(_executions(nodes) <= size for nodes in outline):
            break
    resources = [(random.random() < 0.5, random.randint(1, 6)) for _ in range(random.randint(1, 4))]
    specs = [[_spec(random, node, resources, irregular) for node in _tasks(nodes)] for nodes in outline]
    edges = _edges(random, specs, irregular)
    draft = _write(outline, specs, resources, [0] * (2 * len(edges)))
    levels = []
    for edge, (slack, credit) in enumerate(edges):
        taken, given = _totals(draft, 2 * edge)
        levels += [max(0, taken - given) + slack, credit]
    return _write(outline, specs, resources, levels)


def _outline(random, counts, irregular, depth=0):
    """A nest: a list of "task" and of (count, slope, nest)."""
    nodes = []
    for _ in range(random.randint(1, 2 + (depth == 0))):
        if depth < 3 and random.random() < (0.8, 0.4, 0.2)[depth]:
            slope = random.randint(-1, 2) if depth > 0 and random.random() < irregular else 0
            count = random.randint(*counts) if depth == 0 or random.random() < 0.6 else random.randint(1, 7)
            nodes.append((count, slope, _outline(random, counts, irregular, depth + 1)))
        else:
            nodes.append(("task", depth))
    return nodes


def _executions(nodes):
    return sum(
        1 if node[0] == "task" else (node[0] + abs(node[1]) * 10) * _executions(node[2]) for node in nodes
    )


def _tasks(nodes, counts=()):
    for node in nodes:
        if node[0] == "task":
            yield counts
        else:
            yield from _tasks(node[2], (*counts, (node[0], node[1])))


def _amount(random, low, high, irregular):
    if random.random() < irregular:
        return [random.randint(low, high) for _ in range(VARIANTS)]
    return random.randint(low, high)


def _spec(random, loops, resources, irregular):
    resource = random.randint(-1, len(resources) - 1)
    on_unit = resource >= 0 and resources[resource][0]
    longest = random.choice((6, 6, 40))
    options = {
        "resource": resource,
        "ticks": _amount(random, 0 if random.random() < 0.2 else 1, longest, irregular),
        "result": _amount(random, -8 if on_unit else 0, 12, irregular) if random.random() < 0.5 else 0,
        "tag": random.randint(0, TAGS - 1),
        "mark": random.random() < 0.6,
        "loops": tuple(random.randint(-1, len(loops) - 1) for _ in range(3)),
    }
    fixed = [d for d, (count, slope) in enumerate(loops) if slope == 0]
    if fixed and random.random() < irregular:
        d = random.choice(fixed)
        options |= {"table": [random.randint(0, 9) for _ in range(loops[d][0])], "table_loop": d}
    return Spec(options, [], [])


def _edges(random, specs, irregular):
    """Draw dependencies and credits between tasks; return (slack, credit level) of each."""
    edges = []
    for consumer in range(1, len(specs)):
        for _ in range(random.randint(0, 2)):
            giver = random.choice(specs[random.randint(0, consumer - 1)])
            taker = random.choice(specs[consumer])
            forward, credit = 2 * len(edges), 2 * len(edges) + 1
            if edges and random.random() < 0.3:
                forward = 2 * random.randint(0, len(edges) - 1)  # several takers of one token
            giver.posts.append((forward, _amount(random, 0, 3, irregular)))
            if forward not in (token for token, _ in taker.waits):
                most = random.choice((3, 3, 40))
                taker.waits.append((forward, _amount(random, 0, most, irregular)))
            if random.random() < 0.6:
                giver.waits.append((credit, random.randint(1, 2)))
                taker.posts.append((credit, random.randint(1, 3)))
            slack = random.randint(0, 3) if random.random() < 0.7 else random.randint(0, 1000)
            edges.append((slack, random.randint(2, 12)))
    return edges


def _write(outline, specs, resources, levels):
    builder = ProgramBuilder()
    for number, (is_unit, quantum) in enumerate(resources):
        if is_unit:
            builder.unit(f"unit {number}")
        else:
            builder.pipe(f"pipe {number}", quantum)
    for level in levels:
        builder.token(level)
    for number, (nodes, tasks) in enumerate(zip(outline, specs, strict=True)):
        _write_nest(builder, builder.stream(f"stream {number}"), nodes, iter(tasks))
    return builder


def _write_nest(builder, stream, nodes, specs):
    for node in nodes:
        if node[0] == "task":
            spec = next(specs)
            builder.task(stream, waits=spec.waits, posts=spec.posts, **spec.options)
        else:
            stream.loop(node[0], node[1])
            _write_nest(builder, stream, node[2], specs)
            stream.end()


def _totals(builder, token):
    """How much of a token all tasks together take and give."""
    program, _, _ = builder.build()
    taken = given = 0
    for stream in builder.streams:
        runs = Counter((task, variant(program, task, loops)) for task, loops in walk(stream.code))
        for (task, v), count in runs.items():
            row = program.task[task]
            taken += count * sum(w[v] for w in program.wait[row[8] : row[9]] if w[VARIANTS] == token)
            given += count * sum(w[v] for w in program.post[row[10] : row[11]] if w[VARIANTS] == token)
    return int(taken), int(given)


def prefetching_program(random, *, most_layers=20):
    """Return a ProgramBuilder whose first stream runs ahead of the others, as far as a common buffer lets it.

    Operators follow one another, each in loops of its own shape: a loader fills the buffer over a pipe, a
    worker empties it on a unit, a follower finishes what the worker made now and then and may store it over the
    same pipe. All are wrapped in a loop over layers. Tiles of different operators take different space and
    time, and the buffer holds from hardly two of them to all of a layer's.
    """
    builder = ProgramBuilder()
    pipe, unit = builder.pipe("memory", random.choice((1, 4, 64))), builder.unit("worker")
    other = builder.unit("follower") if random.random() < 0.7 else unit
    tiles = [(random.randint(1, 40), random.randint(1, 9)) for _ in range(random.randint(1, 3))]
    largest = max(space for _, space in tiles)
    space = builder.token(2 * largest + random.choice((0, 1, largest, 10 * largest, 100 * largest)))
    load, work = builder.stream("load"), builder.stream("work")
    follow, store = builder.stream("follow"), builder.stream("store")
    streams = (load, work, follow, store)
    layers = min(most_layers, random.choice((1, 2, 7, 20)))
    for stream in streams:
        stream.loop(layers)
    for tag, (trips, size) in enumerate(tiles):
        full, done, ready, finished = (builder.token() for _ in range(4))
        regions = random.randint(1, 6)
        ticks = random.randint(1, 60)
        load_ticks = max(1, ticks + random.choice((-20, -1, 0, 1, 7)))
        late = random.choice((0, 0, 9, 200))
        load.loop(regions)
        load.loop(trips)
        parts = random.choice((1, 1, 2))  # loads of an iteration
        for part in range(parts):
            row: list = [(full, 1)] if part == parts - 1 else []
            taken = [(space, size)] if part == 0 else []
            builder.task(load, pipe, load_ticks, late, waits=taken, posts=row, loops=(1, -1, -1))
        work.loop(regions)
        work.loop(trips)
        released = [(space, size)] if size < 2 or random.random() < 0.5 else [(space, 1), (space, size - 1)]
        feedback = random.random() < 0.3  # the follower must be done with the tile before
        work_ticks = ticks if random.random() < 0.7 else [ticks, ticks + 3] * (VARIANTS // 2)
        early = random.choice((0, 0, -ticks // 2, 5))
        waits = [(full, 1), (ready, 1)] if feedback else [(full, 1)]
        posts = [*released, (done, 1)] if feedback else released
        marks = {"tag": tag, "mark": True}
        if feedback:
            builder.task(follow, posts=[(ready, random.randint(1, 3))])
        builder.task(work, unit, work_ticks, early, waits=waits, posts=posts, loops=(1, -1, -1), **marks)
        for stream in (load, work):
            stream.end()
        if not feedback:
            builder.task(work, posts=[(done, 1)])
        follow.loop(regions)
        if feedback:
            follow.loop(trips)
        asks = random.random() < 0.5
        results = [(finished, 1)] if asks else []
        results += [(ready, 1)] if feedback else []
        length = random.randint(0, ticks)
        builder.task(
            follow, other, length, waits=[(done, 1)], posts=results, tag=tag, mark=random.random() < 0.8
        )
        if asks:
            store.loop(regions)
            if feedback:
                store.loop(trips)
                store_end = 2
            else:
                store_end = 1
            builder.task(store, pipe, random.randint(1, 9), late, waits=[(finished, 1)], **marks)
            for _ in range(store_end):
                store.end()
        if feedback:
            follow.end()
        follow.end()
        for stream in (load, work):
            stream.end()
    for stream in streams:
        stream.end()
    return builder
