export default { name: "x", tables: { t: { sql: new Array(1e8).fill("x").join("") } } }
