const table = (depth: number): string => `(${table(depth + 1)})`

export default { name: "x", tables: { t: { sql: table(0) } } }
