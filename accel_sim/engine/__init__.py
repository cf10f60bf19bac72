"""The clock: streams of tasks that compete for units, buffers, links and memories.

    builder = ProgramBuilder()  # accel_sim.engine.program
    array = builder.unit("array")
    stream = builder.stream("compute")
    stream.loop(100)
    builder.task(stream, array, ticks=7)
    stream.end()
    execute(builder, tags=1).total_ticks  # accel_sim.engine.execute; 700

What a task stands for is decided in `accel_sim.mapping`.

DRAM channels at command level stand beside it; a design's memory is priced with them block by block:

    preset = load_preset("HBM3-6400")  # accel_sim.hardware.dram
    stream = access_stream("seq_read", 2**20, preset.preset.burst_bytes)  # accel_sim.engine.access_patterns
    run_channel(preset, stream).total_cycles  # accel_sim.engine.channel_run
    sustained("HBM3-6400", "random_read").efficiency  # accel_sim.engine.sustained
"""
