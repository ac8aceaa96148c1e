import { defineDataset } from "nozzl"
import { type Column, COLUMNS } from "./columns"

enum Network { Mainnet = "mainnet", Base = "base" }
const enum Depth { Shallow = 1, Deep = 1 << 4 }
namespace Sql { export const select = (columns: readonly string[]): string => `SELECT ${columns.join(", ")}` }
abstract class Query<T extends string> {
  constructor(protected readonly table: T, private columns?: readonly Column[]) {}
  abstract get where(): string
  toString(): string { return `${Sql.select(this.columns!)} FROM eth.${this.table} WHERE ${this.where}` }
}
class Recent extends Query<"blocks"> {
  declare unused: number
  get where() { return `block_num > ${Depth.Deep}` }
}
function assertIsText(value: unknown): asserts value is string {}
type Tables = { [name: string]: { sql: string } }
const query = <const T,>(value: T) => value as unknown as T
let network = (process.env.NETWORK ?? Network.Mainnet) as Network
assertIsText(network)
interface Dataset { tables: Tables }

export default defineDataset(() => ({
  name: "typed",
  network: <string>network,
  tables: { "recent": { sql: query(String(new Recent("blocks", COLUMNS))) } } satisfies Tables,
}) as const satisfies Dataset)
