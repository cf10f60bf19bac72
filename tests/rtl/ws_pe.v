// Weight-stationary processing element.
//
// Activations move right, partial sums move down, one register each. Weights come down a chain of their own while
// `load` is high.
//   DOUBLE_BUFFERED = 0: the chain's register is the weight in use.
//   DOUBLE_BUFFERED = 1: the chain is a shadow; `swap`, which travels with the first activation of a fold, copies it
//   into the weight in use and is already effective for that activation.
module ws_pe #(
    parameter DATA_WIDTH = 16,
    parameter ACC_WIDTH = 48,
    parameter DOUBLE_BUFFERED = 0
) (
    input                              clock,
    input                              load,
    input      signed [DATA_WIDTH-1:0] weight_in,
    output reg signed [DATA_WIDTH-1:0] weight_out,
    input                              present_in,
    input                              swap_in,
    input      signed [DATA_WIDTH-1:0] activation_in,
    output reg                         present_out,
    output reg                         swap_out,
    output reg signed [DATA_WIDTH-1:0] activation_out,
    input      signed [ ACC_WIDTH-1:0] sum_in,
    output reg signed [ ACC_WIDTH-1:0] sum_out
);
  wire signed [DATA_WIDTH-1:0] weight;

  initial begin
    {weight_out, present_out, swap_out, activation_out, sum_out} = 0;
  end

  always @(posedge clock) begin
    if (load) weight_out <= weight_in;
    present_out <= present_in;
    swap_out <= swap_in;
    activation_out <= activation_in;
    sum_out <= sum_in + activation_in * weight;
  end

  generate
    if (DOUBLE_BUFFERED) begin : double_buffered
      reg signed [DATA_WIDTH-1:0] active = 0;
      assign weight = swap_in ? weight_out : active;
      always @(posedge clock) active <= weight;
    end else begin : single
      assign weight = weight_out;
    end
  endgenerate
endmodule
