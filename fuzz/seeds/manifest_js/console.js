// js
console.log("network", process.env.NETWORK, 1, 2n, null, undefined, { a: [1, { b: true }] })
console.warn("careful")
console.error(new Error("only shown").message)
console.debug("details")
export default { name: "talks", tables: { t: { sql: "SELECT 1 FROM a.b" } } }
