export type Column = (typeof COLUMNS)[number]
export const COLUMNS = ["hash", "number"] as const
