export default { name: Buffer.from("x").toString("hex"), tables: {} }
