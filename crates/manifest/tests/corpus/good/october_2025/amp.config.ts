import { defineDataset } from "@edgeandnode/amp"

export default defineDataset((_ctx) => ({
  name: "renamed",
  version: "1.2.3-rc1",
  network: "mainnet",
  repository: "https://example.com/renamed",
  readme: `# Renamed`,
  dependencies: { mainnet: "_/mainnet@0.0.1" },
  tables: {
    // @ts-ignore a comment of the usual kind
    logs: { sql: "SELECT * FROM mainnet.logs WHERE address = x'a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48'" },
  },
}))
