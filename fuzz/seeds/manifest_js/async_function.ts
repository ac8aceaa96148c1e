import { defineDataset } from "nozzl"

const load = async (name: string) => (await import(`./${name}.ts`)).default

export default defineDataset(async () => {
  const tables = await load("tables")
  return { name: "later", tables }
})
