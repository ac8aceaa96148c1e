const sql = () => "SELECT 1"
export default {
  name: "x",
  tables: {
    t: { sql },
  },
}
