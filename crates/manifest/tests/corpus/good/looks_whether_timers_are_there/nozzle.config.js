const later = typeof setTimeout === "function" && typeof fetch === "function" ? "there" : "not_there"
clearTimeout(undefined)
let caught = "nothing"
try { await import("not-installed") } catch (error) { caught = error instanceof Error ? "an_error" : "something" }
export default { name: `${later}_${caught}`, tables: { t: { sql: "SELECT 1 FROM a.b" } } }
