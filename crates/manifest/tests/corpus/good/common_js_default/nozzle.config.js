exports.default = () => ({ name: __filename.replace(/\W/g, "_"), tables: { t: { sql: "SELECT 1 FROM a.b" } } })
