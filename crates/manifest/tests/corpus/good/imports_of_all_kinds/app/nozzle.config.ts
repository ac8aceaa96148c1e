import { a } from "./a"            // a.ts
import { b } from "./b.js"         // b.ts under the name it has once it is built
import c from "./c"                // c/index.ts
import d, { second } from "./d.json"
import * as e from "../common/e.mjs"
import f, { named } from "./f.cjs"
import { g } from "tiny"
import { deep } from "tiny/deep"
import { older } from "@scope/older"
export { a as alsoExported } from "./a"

export default {
  name: "imports",
  tables: { t: { sql: [a, b, c, d.first, second, e.e, f.whole, named, g, deep, older].join(" ") } },
}
