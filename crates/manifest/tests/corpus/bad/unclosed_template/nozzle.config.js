export default {
  name: "x",
  tables: { t: { sql: `SELECT 1 } },
}
