const { NETWORK = "mainnet" } = process.env
export default {
  name: process.env.DATASET_NAME || "default_name",
  network: NETWORK,
  dependencies: { chain: `${process.env.MISSING || "_"}/${process.env["NETWORK"]}@1.0.0` },
  tables: { t: { sql: `SELECT '${process.env.EMPTY}', '${Object.keys(process.env)}', '${"PATH" in process.env}'` } },
}
