import { defineDataset } from "nozzl"
import { keccak256 } from "viem"
export default defineDataset(() => ({ name: keccak256("x") }))
