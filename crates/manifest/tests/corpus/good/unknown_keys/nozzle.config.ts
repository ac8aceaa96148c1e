export default {
  name: "unknown",
  color: "green",
  tables: { t: { sql: "SELECT 1", comment: "mine", network: "mainnet" } },
  functions: { f: { inputTypes: [], outputType: "Utf8", source: "function f() {}", pure: true } },
}
