import { readFileSync } from "node:fs"
import path from "path"

export default { name: readFileSync(path.join(__dirname, "name.txt"), "utf8") }
