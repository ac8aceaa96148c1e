if (!process.env.REQUIRED) {
  console.error("REQUIRED is not set")
  process.exit(3)
}
export default { name: "x" }
