const tables: any = { t: { sql: "SELECT 1" } }
tables.t.again = tables
export default { name: "x", tables }
