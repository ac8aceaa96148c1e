// js
export default new Promise((resolve) => queueMicrotask(() => resolve({ name: "promised", tables: { t: { sql: "SELECT 1 FROM a.b" } } })))
