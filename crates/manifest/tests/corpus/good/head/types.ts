export type Tables = Record<string, { sql: string }>;
