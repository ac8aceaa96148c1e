import { defineDataset } from "@edgeandnode/amp";
import type { Tables } from "./types.ts";

const tables: Tables = {
  daily: { sql: "SELECT * FROM self.logs" },
  logs: { sql: "SELECT * FROM eth.logs" },
};

export default defineDataset(() => ({
  name: "head",
  dependencies: { eth: "edge/eth@1.0.0" },
  tables,
}) satisfies { name: string; dependencies: Record<string, string>; tables: Tables });
