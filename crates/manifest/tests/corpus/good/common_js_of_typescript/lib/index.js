exports.FROM = "FROM"
