const a = 1
const a = 2
const b = 1
let b = 3
export default { name: "x" }
