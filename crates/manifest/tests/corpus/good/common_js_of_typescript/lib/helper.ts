import { FROM } from "."
export const table = (name: string) => ({ sql: `SELECT * ${FROM} ${name}` })
