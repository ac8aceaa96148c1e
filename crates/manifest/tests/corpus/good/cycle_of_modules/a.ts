import { prefix } from "./nozzle.config"
export const table = () => ({ sql: `${prefix()} 1` })
