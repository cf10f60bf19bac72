// Output-stationary array of R x C processing elements.
//
// The operands of one step enter together, unskewed; the array skews them. Results leave at the bottom edge, row
// R-1 first (UPWARD_DRAIN = 0), or at the top edge, row 0 first (UPWARD_DRAIN = 1). Sums of padded rows and
// columns leave like all others.
module os_array #(
    parameter R = 4,
    parameter C = 4,
    parameter DATA_WIDTH = 16,
    parameter ACC_WIDTH = 48,
    parameter UPWARD_DRAIN = 0
) (
    input                     clock,
    input                     first,
    input                     last,
    input  [R*DATA_WIDTH-1:0] a,
    input  [C*DATA_WIDTH-1:0] b,
    output [           C-1:0] present,
    output [ C*ACC_WIDTH-1:0] result,
    output                    collision
);
  localparam LANE = DATA_WIDTH + 2;

  wire [R*LANE-1:0] a_tagged, a_skewed;
  wire [C*DATA_WIDTH-1:0] b_skewed;
  skew #(.LANES(R), .WIDTH(LANE)) skew_a (.clock(clock), .in(a_tagged), .out(a_skewed));
  skew #(.LANES(C), .WIDTH(DATA_WIDTH)) skew_b (.clock(clock), .in(b), .out(b_skewed));

  // Links between neighbours, indexed by the PE that drives them.
  wire [LANE-1:0] a_link[0:R*C-1];
  wire signed [DATA_WIDTH-1:0] b_link[0:R*C-1];
  wire signed [ACC_WIDTH-1:0] chain_link[0:R*C-1];
  wire chain_present[0:R*C-1];
  wire [R*C-1:0] collisions;
  assign collision = |collisions;

  // The accumulators shift down for R cycles once the far corner, the last PE to finish, has finished.
  wire corner_done;
  reg [R-1:0] shift_countdown = 0;
  always @(posedge clock) shift_countdown <= corner_done ? {R{1'b1}} : shift_countdown >> 1;
  wire shift = shift_countdown[0] & (UPWARD_DRAIN == 0);

  genvar row, column;
  generate
    for (row = 0; row < R; row = row + 1) begin : rows
      assign a_tagged[row*LANE+:LANE] = {first, last, a[row*DATA_WIDTH+:DATA_WIDTH]};

      for (column = 0; column < C; column = column + 1) begin : columns
        localparam HERE = row * C + column;
        localparam SOURCE = UPWARD_DRAIN ? HERE + C : HERE - C;  // the PE before this one on the result chain
        localparam CHAIN_STARTS = UPWARD_DRAIN ? row == R - 1 : row == 0;

        wire [LANE-1:0] a_here;
        wire signed [DATA_WIDTH-1:0] b_here;
        wire signed [ACC_WIDTH-1:0] chain_here;
        wire chain_present_here;

        if (column == 0) assign a_here = a_skewed[row*LANE+:LANE];
        else assign a_here = a_link[HERE-1];
        if (row == 0) assign b_here = b_skewed[column*DATA_WIDTH+:DATA_WIDTH];
        else assign b_here = b_link[HERE-C];
        if (CHAIN_STARTS) assign {chain_present_here, chain_here} = 0;
        else assign {chain_present_here, chain_here} = {chain_present[SOURCE], chain_link[SOURCE]};
        if (row == R - 1 && column == C - 1) assign corner_done = a_here[DATA_WIDTH];

        os_pe #(
            .DATA_WIDTH(DATA_WIDTH),
            .ACC_WIDTH(ACC_WIDTH),
            .UPWARD_DRAIN(UPWARD_DRAIN)
        ) pe (
            .clock(clock),
            .first_in(a_here[DATA_WIDTH+1]),
            .last_in(a_here[DATA_WIDTH]),
            .a_in(a_here[DATA_WIDTH-1:0]),
            .b_in(b_here),
            .first_out(a_link[HERE][DATA_WIDTH+1]),
            .last_out(a_link[HERE][DATA_WIDTH]),
            .a_out(a_link[HERE][DATA_WIDTH-1:0]),
            .b_out(b_link[HERE]),
            .shift(shift),
            .chain_present_in(chain_present_here),
            .chain_in(chain_here),
            .chain_present_out(chain_present[HERE]),
            .chain_out(chain_link[HERE]),
            .collision(collisions[HERE])
        );
      end
    end

    for (column = 0; column < C; column = column + 1) begin : edges
      localparam EXIT = UPWARD_DRAIN ? column : (R - 1) * C + column;
      assign present[column] = chain_present[EXIT];
      assign result[column*ACC_WIDTH+:ACC_WIDTH] = chain_link[EXIT];
    end
  endgenerate
endmodule
