export const tables = {
  t: { sql: "SELECT 1" },
