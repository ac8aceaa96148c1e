interface Table { sql: string }
export const tables = async (): Promise<Record<string, Table>> => {
  await null
  const abi = undefined as any
  return { t: { sql: abi.events[0].name } }
}
