await new Promise(() => {})
export default { name: "x" }
