const shared = null
module.exports = () => {
  return shared.sql
}
