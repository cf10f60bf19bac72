"""The clock: streams of tasks that compete for units, buffers, links and memories.

Write a program with `ProgramBuilder`, run it with `execute`, or look at every interval with `trace`. What its
tasks mean is decided in `accel_sim.mapping`.

    builder = ProgramBuilder()
    array = builder.unit("array")
    stream = builder.stream("compute")
    stream.loop(100)
    builder.task(stream, array, ticks=7)
    stream.end()
    execute(builder, tags=1).total_ticks  # 700
"""

from accel_sim.engine.execute import Timeline, execute, trace
from accel_sim.engine.program import ProgramBuilder, Stream

__all__ = ["ProgramBuilder", "Stream", "Timeline", "execute", "trace"]
