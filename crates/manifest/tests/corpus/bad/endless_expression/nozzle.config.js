const name = "a".repeat(40) + "!"
export default { name: /^(a+)+$/.test(name) ? "x" : "y", tables: {} }
