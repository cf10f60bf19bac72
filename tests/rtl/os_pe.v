// Output-stationary processing element.
//
// Operand a moves right, operand b moves down, one register each. Two tags travel with a: `first` starts a new
// sum, `last` marks its final multiply-accumulate. The finished sum leaves on one of two chains:
//   UPWARD_DRAIN = 0: `shift` moves the accumulators themselves down by one row;
//   UPWARD_DRAIN = 1: the sum enters a separate upward chain in the cycle of its last multiply-accumulate.
module os_pe #(
    parameter DATA_WIDTH = 16,
    parameter ACC_WIDTH = 48,
    parameter UPWARD_DRAIN = 0
) (
    input                              clock,
    input                              first_in,
    input                              last_in,
    input      signed [DATA_WIDTH-1:0] a_in,
    input      signed [DATA_WIDTH-1:0] b_in,
    output reg                         first_out,
    output reg                         last_out,
    output reg signed [DATA_WIDTH-1:0] a_out,
    output reg signed [DATA_WIDTH-1:0] b_out,
    input                              shift,
    input                              chain_present_in,
    input      signed [ ACC_WIDTH-1:0] chain_in,
    output                             chain_present_out,
    output     signed [ ACC_WIDTH-1:0] chain_out,
    output                             collision          // a sum meets another one on the upward chain
);
  reg signed [ACC_WIDTH-1:0] acc;
  wire signed [ACC_WIDTH-1:0] carried = first_in ? 0 : acc;
  wire signed [ACC_WIDTH-1:0] sum = carried + a_in * b_in;

  initial begin
    {first_out, last_out, a_out, b_out, acc} = 0;
  end

  always @(posedge clock) begin
    first_out <= first_in;
    last_out <= last_in;
    a_out <= a_in;
    b_out <= b_in;
    acc <= shift ? chain_in : sum;
  end

  generate
    if (UPWARD_DRAIN) begin : upward
      reg signed [ACC_WIDTH-1:0] chain = 0;
      reg present = 0;
      always @(posedge clock) begin
        chain <= last_in ? sum : chain_in;
        present <= last_in | chain_present_in;
      end
      assign chain_out = chain;
      assign chain_present_out = present;
      assign collision = last_in & chain_present_in;
    end else begin : downward
      assign chain_out = acc;
      assign chain_present_out = shift;
      assign collision = 1'b0;
    end
  endgenerate
endmodule
