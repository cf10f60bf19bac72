// Runs one GEMM on ws_array, adds the partial sums of its K folds, and prints the cycles it saw and the result.
//
// A cycle lasts from one rising clock edge to the next. In its middle this bench reads the result edge, then
// presents operands, which the array takes at the cycle's end. Cycle 0 is the first with operands. A fold first
// loads R weight rows, then streams its m samples.
//
// Plus-arguments: m, n, k; a, b (hex files, row-major); interval (cycles from fold to fold, or 0 to start each
// fold `gap` cycles after the last sum of the previous one, padding included, became readable); gap.
`timescale 1ns / 1ps
module ws_testbench;
  parameter R = 4;
  parameter C = 4;
  parameter DATA_WIDTH = 16;
  parameter ACC_WIDTH = 48;
  parameter DOUBLE_BUFFERED = 0;
  parameter MAX_WORDS = 65536;
  parameter MAX_CYCLES = 100000;

  reg clock = 0;
  always #1 clock = !clock;

  reg load = 0, sample_present = 0, swap = 0;
  reg [C*DATA_WIDTH-1:0] weights = 0;
  reg [R*DATA_WIDTH-1:0] sample = 0;
  wire [C-1:0] present;
  wire [C*ACC_WIDTH-1:0] result;
  ws_array #(
      .R(R),
      .C(C),
      .DATA_WIDTH(DATA_WIDTH),
      .ACC_WIDTH(ACC_WIDTH),
      .DOUBLE_BUFFERED(DOUBLE_BUFFERED)
  ) array (
      .clock(clock),
      .load(load),
      .weights(weights),
      .sample_present(sample_present),
      .swap(swap),
      .sample(sample),
      .present(present),
      .result(result)
  );

  reg [DATA_WIDTH-1:0] a_matrix[0:MAX_WORDS-1];
  reg [DATA_WIDTH-1:0] b_matrix[0:MAX_WORDS-1];
  reg signed [ACC_WIDTH-1:0] product[0:MAX_WORDS-1];
  integer m, n, k, interval, gap, k_folds, folds;
  reg [8*256-1:0] a_file, b_file;

  // Folds loaded and streamed so far; the step is past its end when the sequencer is idle.
  integer loads = 0, load_step = R, streams = 0, stream_step = 0, stream_start = -1;
  integer cycle = 0, next_start = 0, second_start = -1;
  integer drained = 0, drained_cycle = -1, valid = 0, first_in_cycle = -1, last_out_cycle = -1;
  integer seen[0:C-1];
  integer i, row, column;
  reg due;

  initial begin
    i = $value$plusargs("m=%d", m) + $value$plusargs("n=%d", n) + $value$plusargs("k=%d", k);
    i = $value$plusargs("interval=%d", interval) + $value$plusargs("gap=%d", gap);
    i = $value$plusargs("a=%s", a_file) + $value$plusargs("b=%s", b_file);
    $readmemh(a_file, a_matrix, 0, m * k - 1);
    $readmemh(b_file, b_matrix, 0, k * n - 1);
    k_folds = (k + R - 1) / R;
    folds = k_folds * ((n + C - 1) / C);
    stream_step = m;
    for (i = 0; i < C; i = i + 1) seen[i] = 0;
    for (i = 0; i < m * n; i = i + 1) product[i] = 0;
  end

  always @(negedge clock) begin
    read_results;
    start_fold;
    present_weights;
    present_sample;
    if (valid == m * n * k_folds || cycle == MAX_CYCLES) report;
    cycle = cycle + 1;
  end

  // Every column delivers m sums a fold; those of padded columns are dropped here.
  task read_results;
    begin
      for (i = 0; i < C; i = i + 1) begin
        if (present[i]) begin
          row = seen[i] % m;
          column = (seen[i] / m / k_folds) * C + i;
          seen[i] = seen[i] + 1;
          drained = drained + 1;
          drained_cycle = cycle;
          if (column < n) begin
            product[row*n+column] = product[row*n+column] + $signed(result[i*ACC_WIDTH+:ACC_WIDTH]);
            last_out_cycle = cycle;
            valid = valid + 1;
          end
        end
      end
    end
  endtask

  task start_fold;
    begin
      if (interval > 0) due = cycle == next_start;
      else due = drained == m * C * loads && (loads == 0 || cycle >= drained_cycle + gap);
      if (due && loads < folds) begin
        if (loads == 0) first_in_cycle = cycle;
        if (loads == 1) second_start = cycle;
        loads = loads + 1;
        load_step = 0;
        stream_start = cycle + R;
        next_start = cycle + interval;
      end
    end
  endtask

  task present_weights;
    begin
      load = load_step < R;
      weights = 0;
      if (load) begin
        row = ((loads - 1) % k_folds) * R + R - 1 - load_step;
        for (i = 0; i < C; i = i + 1) begin
          column = ((loads - 1) / k_folds) * C + i;
          if (row < k && column < n) weights[i*DATA_WIDTH+:DATA_WIDTH] = b_matrix[row*n+column];
        end
        load_step = load_step + 1;
      end
    end
  endtask

  task present_sample;
    begin
      if (cycle == stream_start) begin
        streams = streams + 1;
        stream_step = 0;
      end
      sample_present = stream_step < m;
      swap = stream_step == 0;
      sample = 0;
      if (sample_present) begin
        for (i = 0; i < R; i = i + 1) begin
          row = ((streams - 1) % k_folds) * R + i;
          if (row < k) sample[i*DATA_WIDTH+:DATA_WIDTH] = a_matrix[stream_step*k+row];
        end
        stream_step = stream_step + 1;
      end
    end
  endtask

  task report;
    begin
      $display("first_in_cycle %0d", first_in_cycle);
      $display("last_out_cycle %0d", last_out_cycle);
      $display("interval %0d", second_start - first_in_cycle);
      $display("folds %0d", loads);
      $display("valid %0d", valid);
      for (i = 0; i < m * n; i = i + 1) $display("result %0d", product[i]);
      $finish;
    end
  endtask
endmodule
