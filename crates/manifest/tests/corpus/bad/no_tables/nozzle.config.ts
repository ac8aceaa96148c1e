export default {
  name: "x",
  tables: {},
}
