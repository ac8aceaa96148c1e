export default (ctx) => ({
  name: "x",
  tables: { t: { sql: "SELECT f()" } },
  functions: {
    f: { inputTypes: [], outputType: "Utf8", source: ctx.functionSource("../secrets.js") },
  },
})
