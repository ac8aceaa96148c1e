export default { name: "x", tables: { t: { sql: "x".repeat(500_000_000) } } }
