export const table = (name: string, ...rest: string[]) => {
  if (rest.length > 0) throw new RangeError("only one name")
  return { sql: name }
}
