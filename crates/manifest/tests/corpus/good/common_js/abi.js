"use strict"
Object.defineProperty(exports, "__esModule", { value: true })
module.exports = [{ type: "event", name: "Ping", inputs: [{ name: "index", type: "uint256", indexed: true }] }]
