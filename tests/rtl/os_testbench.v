// Runs one GEMM on os_array and prints the cycles it saw and the result.
//
// A cycle lasts from one rising clock edge to the next. In its middle this bench reads the result edge, then
// presents operands, which the array takes at the cycle's end. Cycle 0 is the first with operands.
//
// Plus-arguments: m, n, k; a, b (hex files, row-major); interval (cycles from fold to fold, or 0 to start each
// fold in the cycle after the last sum of the previous one, padding included, became readable).
`timescale 1ns / 1ps
module os_testbench;
  parameter R = 4;
  parameter C = 4;
  parameter DATA_WIDTH = 16;
  parameter ACC_WIDTH = 48;
  parameter UPWARD_DRAIN = 0;
  parameter MAX_WORDS = 65536;
  parameter MAX_CYCLES = 100000;

  reg clock = 0;
  always #1 clock = !clock;

  reg first = 0, last = 0;
  reg [R*DATA_WIDTH-1:0] a = 0;
  reg [C*DATA_WIDTH-1:0] b = 0;
  wire [C-1:0] present;
  wire [C*ACC_WIDTH-1:0] result;
  wire collision;
  os_array #(
      .R(R),
      .C(C),
      .DATA_WIDTH(DATA_WIDTH),
      .ACC_WIDTH(ACC_WIDTH),
      .UPWARD_DRAIN(UPWARD_DRAIN)
  ) array (
      .clock(clock),
      .first(first),
      .last(last),
      .a(a),
      .b(b),
      .present(present),
      .result(result),
      .collision(collision)
  );

  reg [DATA_WIDTH-1:0] a_matrix[0:MAX_WORDS-1];
  reg [DATA_WIDTH-1:0] b_matrix[0:MAX_WORDS-1];
  reg signed [ACC_WIDTH-1:0] product[0:MAX_WORDS-1];
  integer m, n, k, interval, row_folds, folds;
  reg [8*256-1:0] a_file, b_file;

  integer cycle = 0, started = 0, next_start = 0, step = 0, second_start = -1;
  integer drained = 0, drained_cycle = -1, valid = 0, first_in_cycle = -1, last_out_cycle = -1, collisions = 0;
  integer seen[0:C-1];
  integer i, position, row, column;
  reg due;

  initial begin
    i = $value$plusargs("m=%d", m) + $value$plusargs("n=%d", n) + $value$plusargs("k=%d", k);
    i = $value$plusargs("interval=%d", interval);
    i = $value$plusargs("a=%s", a_file) + $value$plusargs("b=%s", b_file);
    $readmemh(a_file, a_matrix, 0, m * k - 1);
    $readmemh(b_file, b_matrix, 0, k * n - 1);
    row_folds = (m + R - 1) / R;
    folds = row_folds * ((n + C - 1) / C);
    step = k;
    for (i = 0; i < C; i = i + 1) seen[i] = 0;
    for (i = 0; i < m * n; i = i + 1) product[i] = 0;
  end

  always @(negedge clock) begin
    read_results;
    start_fold;
    present_operands;
    if (valid == m * n || cycle == MAX_CYCLES) report;
    cycle = cycle + 1;
  end

  // Every column delivers R sums a fold; those of padded rows and columns are dropped here.
  task read_results;
    begin
      if (collision) collisions = collisions + 1;
      for (i = 0; i < C; i = i + 1) begin
        if (present[i]) begin
          position = seen[i] % R;
          row = (seen[i] / R % row_folds) * R + (UPWARD_DRAIN ? position : R - 1 - position);
          column = (seen[i] / R / row_folds) * C + i;
          seen[i] = seen[i] + 1;
          drained = drained + 1;
          drained_cycle = cycle;
          if (row < m && column < n) begin
            product[row*n+column] = result[i*ACC_WIDTH+:ACC_WIDTH];
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
      else due = drained == R * C * started && cycle > drained_cycle;
      if (due && started < folds) begin
        if (started == 0) first_in_cycle = cycle;
        if (started == 1) second_start = cycle;
        started = started + 1;
        step = 0;
        next_start = cycle + interval;
      end
    end
  endtask

  task present_operands;
    begin
      first = 0;
      last = 0;
      a = 0;
      b = 0;
      if (step < k) begin
        first = step == 0;
        last = step == k - 1;
        for (i = 0; i < R; i = i + 1) begin
          row = ((started - 1) % row_folds) * R + i;
          if (row < m) a[i*DATA_WIDTH+:DATA_WIDTH] = a_matrix[row*k+step];
        end
        for (i = 0; i < C; i = i + 1) begin
          column = ((started - 1) / row_folds) * C + i;
          if (column < n) b[i*DATA_WIDTH+:DATA_WIDTH] = b_matrix[step*n+column];
        end
        step = step + 1;
      end
    end
  endtask

  task report;
    begin
      $display("first_in_cycle %0d", first_in_cycle);
      $display("last_out_cycle %0d", last_out_cycle);
      $display("interval %0d", second_start - first_in_cycle);
      $display("folds %0d", started);
      $display("collisions %0d", collisions);
      $display("valid %0d", valid);
      for (i = 0; i < m * n; i = i + 1) $display("result %0d", product[i]);
      $finish;
    end
  endtask
endmodule
