export default { tables: { t: { sql: "SELECT 1" } } }
