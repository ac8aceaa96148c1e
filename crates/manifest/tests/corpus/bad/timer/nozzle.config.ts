const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
await wait(100)
export default { name: "x" }
