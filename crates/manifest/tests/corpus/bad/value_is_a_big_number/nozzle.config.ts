export default { name: "x", startBlock: 10n, tables: { t: { sql: "SELECT 1" } } }
