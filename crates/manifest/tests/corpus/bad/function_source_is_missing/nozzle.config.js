export default (ctx) => ({ name: "x", functions: { f: { source: ctx.functionSource("lib/f.js") } } })
