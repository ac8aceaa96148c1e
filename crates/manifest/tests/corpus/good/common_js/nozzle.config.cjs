const { defineDataset, eventTables } = require("nozzl")
const path = "./abi"
const abi = require(path)
const { version } = require("./package.json")

module.exports = defineDataset(() => ({ name: "common", version, tables: eventTables(abi, "mainnet") }))
