// js
const name = "plain"
export default { name, tables: { t: { sql: "SELECT 1 FROM a.b" } } };
