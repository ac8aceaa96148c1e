const names: string[] = []
export default () => {
  let i = 0
  while (i < 10) {
    names[0] = `table_${i}`
  }
  return { name: "x", tables: {} }
}
