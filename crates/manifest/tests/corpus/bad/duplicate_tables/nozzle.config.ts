export default {
  name: "x",
  tables: {
    transferEvents: { sql: "SELECT 1" },
    transfer_events: { sql: "SELECT 2" },
    TransferEvents: { sql: "SELECT 3" },
  },
}
