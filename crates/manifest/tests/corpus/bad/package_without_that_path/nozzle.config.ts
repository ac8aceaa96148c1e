import { x } from "tiny/inner"
export default { name: x }
