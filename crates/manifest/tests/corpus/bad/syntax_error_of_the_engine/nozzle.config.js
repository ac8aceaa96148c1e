export default { name: "x", tables: { t: { sql: /(?<a>x)(?<a>y)/.source } } }
