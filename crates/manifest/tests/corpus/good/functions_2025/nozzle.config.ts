import { defineDataset } from "@nozzle/nozzle";

export default defineDataset((ctx) => ({
  name: "with_functions",
  version: "1.0.0",
  network: "mainnet",
  dependencies: { eth: { name: "eth", version: "^1.0" } },
  tables: { blocks: { sql: "SELECT addSuffix(hash) AS h FROM eth.blocks" } },
  functions: {
    addSuffix: {
      inputTypes: ["Utf8"],
      outputType: "Utf8",
      source: ctx.functionSource("./functions/add_suffix.js"),
    },
    inline: { inputTypes: ["Int64", { FixedSizeBinary: 20 }], outputType: "Boolean", source: "function inline() { return true }" },
  },
}));
