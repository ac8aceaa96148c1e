import { defineDataset } from "nozzl";

const source = "sim";

// Everything that a table of the source has.
const all = (table: string) => {
  const from = `FROM ${source}.${table}`;
  return `SELECT * ${from}`;
};

export default defineDataset(() => ({
  namespace: "_",
  name: "sim",
  version: "0.0.1",
  network: "simnet",
  dependencies: { [source]: "_/sim@0.0.1" },
  tables: {
    blocks: { sql: all("blocks") },
    logs: { sql: all("logs") },
    transactions: { sql: all("transactions") },
    sparse: { sql: all("sparse") },
  },
}));
