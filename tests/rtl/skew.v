// Delays lane i of a bundle by i cycles: the wavefront that a systolic array expects at its edge.
// Lane 0 passes straight through. The delay lines start empty (all zero).
module skew #(
    parameter LANES = 4,
    parameter WIDTH = 16
) (
    input                    clock,
    input  [LANES*WIDTH-1:0] in,
    output [LANES*WIDTH-1:0] out
);
  genvar lane;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : lanes
      if (lane == 0) begin : straight
        assign out[WIDTH-1:0] = in[WIDTH-1:0];
      end else begin : delayed
        reg [lane*WIDTH-1:0] line = 0;  // newest word in the low bits
        always @(posedge clock) line <= {line, in[lane*WIDTH+:WIDTH]};
        assign out[lane*WIDTH+:WIDTH] = line[(lane-1)*WIDTH+:WIDTH];
      end
    end
  endgenerate
endmodule
