"""The clock: streams of tasks that compete for units, buffers, links and memories.

    builder = ProgramBuilder()  # accel_sim.engine.program
    array = builder.unit("array")
    stream = builder.stream("compute")
    stream.loop(100)
    builder.task(stream, array, ticks=7)
    stream.end()
    execute(builder, tags=1).total_ticks  # accel_sim.engine.execute; 700

What a task stands for is decided in `accel_sim.mapping`.
"""
