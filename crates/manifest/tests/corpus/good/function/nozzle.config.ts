export default function config(ctx: { functionSource(path: string): unknown }) {
  return { name: typeof ctx.functionSource, tables: { t: { sql: "SELECT 1 FROM a.b" } } }
}
