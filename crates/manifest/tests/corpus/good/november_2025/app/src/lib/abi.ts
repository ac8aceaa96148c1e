export const abi = [
  { type: "event", name: "Incremented", inputs: [{ name: "count", type: "uint256", indexed: false }] },
  { type: "event", name: "CountReset", inputs: [] },
  { type: "function", name: "increment", inputs: [], outputs: [] },
] as const
