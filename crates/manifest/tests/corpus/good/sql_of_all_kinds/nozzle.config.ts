/* A block comment; */
export default {
  "name": "sql",
  'tables': {
    newlines: { sql: `
      SELECT "from", "to"
      FROM eth.logs -- a comment
      WHERE topic0 = x'ddf252ad'
    ` },
    quotes: { sql: 'SELECT \'it\\\'s\' AS "quote"' },
    unicode: { sql: "SELECT 'é €, 😀, \u00e4'" },
    tagged: { sql: String.raw`SELECT '\d+'` },
    from_parts: { sql: ["SELECT 1", "FROM a.b"].join(" ") },
  },
};
