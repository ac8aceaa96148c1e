import { defineDataset, eventTables } from "@edgeandnode/amp"
import { abi } from "./app/src/lib/abi"

export default defineDataset(() => ({
  namespace: "my_org",
  name: "counter",
  network: "anvil",
  description: "Counts",
  keywords: ["counter", "example"],
  sources: ["anvil"],
  license: "MIT",
  private: true,
  startBlock: 100,
  dependencies: { anvil: "_/anvil@0.0.1" },
  tables: eventTables(abi),
}))
