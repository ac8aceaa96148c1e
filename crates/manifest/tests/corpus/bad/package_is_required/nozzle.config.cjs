const load = (name) => require(name)

module.exports = { name: load("@scope/tools/deep") }
