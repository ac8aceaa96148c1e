const fs = require("fs")
module.exports = { name: fs.readFileSync("name.txt") }
