const all: string[] = []
export default () => {
  for (;;) all.push("x".repeat(100_000) + all.length)
}
