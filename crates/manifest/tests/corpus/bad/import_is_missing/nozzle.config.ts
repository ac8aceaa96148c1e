import { defineDataset } from "nozzl"
import { abi } from "./abis/erc20"
export default defineDataset(() => ({ name: "x", tables: abi }))
