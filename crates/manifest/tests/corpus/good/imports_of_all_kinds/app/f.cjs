module.exports = { whole: "f", named: "ff" }
