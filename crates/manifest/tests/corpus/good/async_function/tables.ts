const sql = await Promise.resolve("SELECT 1")
export default { t: { sql } }
