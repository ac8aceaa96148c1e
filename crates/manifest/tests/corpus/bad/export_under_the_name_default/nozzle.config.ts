const config = {
  name: "x",
  version: "first",
  tables: { t: { sql: "SELECT 1" } },
}
export { config as default }
