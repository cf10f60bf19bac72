// Weight-stationary array of R x C processing elements.
//
// A weight row enters at the top in each cycle with `load`, row R-1 first. The activations of one sample enter
// together, unskewed; the array skews them. With DOUBLE_BUFFERED = 1 it skews the load by column as well, so that a
// load can follow the wavefront of the fold before. Partial sums leave at the bottom edge; those of padded columns
// leave like all others.
module ws_array #(
    parameter R = 4,
    parameter C = 4,
    parameter DATA_WIDTH = 16,
    parameter ACC_WIDTH = 48,
    parameter DOUBLE_BUFFERED = 0
) (
    input                         clock,
    input                         load,
    input      [C*DATA_WIDTH-1:0] weights,
    input                         sample_present,
    input                         swap,
    input      [R*DATA_WIDTH-1:0] sample,
    output     [           C-1:0] present,
    output     [ C*ACC_WIDTH-1:0] result
);
  localparam LANE = DATA_WIDTH + 2;
  localparam WEIGHT_LANE = DATA_WIDTH + 1;

  wire [R*LANE-1:0] sample_tagged, sample_skewed;
  wire [C*WEIGHT_LANE-1:0] weights_tagged, weights_skewed;
  skew #(.LANES(R), .WIDTH(LANE)) skew_sample (.clock(clock), .in(sample_tagged), .out(sample_skewed));

  // Links between neighbours, indexed by the PE that drives them.
  wire [LANE-1:0] activation_link[0:R*C-1];
  wire signed [DATA_WIDTH-1:0] weight_link[0:R*C-1];
  wire signed [ACC_WIDTH-1:0] sum_link[0:R*C-1];

  genvar row, column;
  generate
    if (DOUBLE_BUFFERED) begin : skewed_load
      skew #(.LANES(C), .WIDTH(WEIGHT_LANE)) skew_weights (
          .clock(clock), .in(weights_tagged), .out(weights_skewed));
    end else begin : straight_load
      assign weights_skewed = weights_tagged;
    end

    for (row = 0; row < R; row = row + 1) begin : rows
      assign sample_tagged[row*LANE+:LANE] = {sample_present, swap, sample[row*DATA_WIDTH+:DATA_WIDTH]};

      for (column = 0; column < C; column = column + 1) begin : columns
        localparam HERE = row * C + column;

        wire [LANE-1:0] activation_here;
        wire signed [DATA_WIDTH-1:0] weight_here;
        wire signed [ACC_WIDTH-1:0] sum_here;

        if (column == 0) assign activation_here = sample_skewed[row*LANE+:LANE];
        else assign activation_here = activation_link[HERE-1];
        if (row == 0) assign weight_here = weights_skewed[column*WEIGHT_LANE+:DATA_WIDTH];
        else assign weight_here = weight_link[HERE-C];
        if (row == 0) assign sum_here = 0;
        else assign sum_here = sum_link[HERE-C];

        ws_pe #(
            .DATA_WIDTH(DATA_WIDTH),
            .ACC_WIDTH(ACC_WIDTH),
            .DOUBLE_BUFFERED(DOUBLE_BUFFERED)
        ) pe (
            .clock(clock),
            .load(weights_skewed[column*WEIGHT_LANE+DATA_WIDTH]),
            .weight_in(weight_here),
            .weight_out(weight_link[HERE]),
            .present_in(activation_here[DATA_WIDTH+1]),
            .swap_in(activation_here[DATA_WIDTH]),
            .activation_in(activation_here[DATA_WIDTH-1:0]),
            .present_out(activation_link[HERE][DATA_WIDTH+1]),
            .swap_out(activation_link[HERE][DATA_WIDTH]),
            .activation_out(activation_link[HERE][DATA_WIDTH-1:0]),
            .sum_in(sum_here),
            .sum_out(sum_link[HERE])
        );
      end
    end

    // A sum is readable at the bottom in the cycle after its last activation passed the bottom row.
    for (column = 0; column < C; column = column + 1) begin : edges
      localparam BOTTOM = (R - 1) * C + column;
      assign weights_tagged[column*WEIGHT_LANE+:WEIGHT_LANE] = {load, weights[column*DATA_WIDTH+:DATA_WIDTH]};
      assign present[column] = activation_link[BOTTOM][DATA_WIDTH+1];
      assign result[column*ACC_WIDTH+:ACC_WIDTH] = sum_link[BOTTOM];
    end
  endgenerate
endmodule
