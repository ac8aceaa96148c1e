const sql = async () => "SELECT 1"
export default {
  name: "x",
  tables: {
    t: { sql: sql() },
  },
}
