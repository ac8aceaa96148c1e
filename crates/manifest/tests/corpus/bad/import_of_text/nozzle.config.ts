import query from "./query.sql"
export default { name: "x", tables: { t: { sql: query } } }
