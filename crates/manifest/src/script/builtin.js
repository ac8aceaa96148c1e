// What a config imports from `nozzl` and the other names the package has had.

/** The dataset that `fn` describes. The loader calls what comes back with the config's context. */
export const defineDataset = (fn) => (typeof fn === "function" ? (ctx) => fn(ctx) : () => fn);

/** `camelCase` and `PascalCase` as `snake_case`. */
export const camelToSnake = (name) =>
  String(name)
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1_$2")
    .toLowerCase();

/** The name of the table of an event. */
export const eventTableName = (event) =>
  camelToSnake(typeof event === "string" ? event : checked(event, "eventTableName").name);

/** The query for the occurrences of an event, decoded from the logs of `rpcSource`. */
export const eventQuery = (event, rpcSource = "anvil") => {
  const signature = signatureOf(checked(event, "eventQuery"));
  const logColumns = ["block_hash", "tx_hash", "address", "block_num", "timestamp"];
  const columns = [
    ...logColumns.map((column) => `e.${column}`),
    ...(event.inputs ?? []).map(({ name }) => `e.event['${name}'] AS ${alias(camelToSnake(name))}`),
  ];
  return [
    `SELECT ${columns.join(", ")}`,
    `FROM (`,
    `  SELECT ${logColumns.join(", ")},`,
    `    evm_decode_log(topic1, topic2, topic3, data, '${signature}') AS event`,
    `  FROM ${rpcSource}.logs`,
    `  WHERE topic0 = evm_topic('${signature}')`,
    `) AS e`,
  ].join("\n");
};

/** The table of an event. */
export const eventTable = (event, rpcSource = "anvil") => ({ sql: eventQuery(event, rpcSource) });

/** A table for each event of an ABI. Of events with the same name, the last one counts. */
export const eventTables = (abi, rpcSource = "anvil") => {
  if (!Array.isArray(abi)) {
    const hint = Array.isArray(abi?.abi) ? "; pass its `abi` property" : "";
    throw new TypeError(`eventTables expects an ABI, which is an array, not ${describe(abi)}${hint}`);
  }
  const tables = {};
  for (const item of abi) {
    if (item?.type === "event") {
      tables[eventTableName(item)] = eventTable(item, rpcSource);
    }
  }
  return tables;
};

const checked = (event, caller) => {
  if (event === null || typeof event !== "object" || typeof event.name !== "string") {
    throw new TypeError(`${caller} expects an event of an ABI, not ${describe(event)}`);
  }
  return event;
};

const describe = (value) =>
  value === null ? "null" : typeof value === "object" ? "an object" : `${typeof value}: ${String(value)}`;

/** The human-readable form, such as `Transfer(address indexed from, uint256 value)`. */
const signatureOf = ({ name, inputs }) => `${name}(${(inputs ?? []).map(parameterOf).join(", ")})`;

const parameterOf = ({ type, name, indexed, components }) =>
  [typeOf(type, components), ...(indexed ? ["indexed"] : []), ...(name ? [name] : [])].join(" ");

/** Tuples are written as what they consist of. */
const typeOf = (type, components) =>
  type.startsWith("tuple")
    ? `(${(components ?? []).map(parameterOf).join(", ")})${type.slice("tuple".length)}`
    : type;

// Inputs are often called `from` and `to`. A lower-case name is the same with quotes.
const reserved = new Set(["all", "and", "as", "by", "case", "desc", "asc", "end", "from", "group", "in",
  "index", "is", "join", "limit", "not", "null", "offset", "on", "or", "order", "select", "table", "to",
  "union", "user", "using", "where", "with"]);

const alias = (name) => (reserved.has(name) ? `"${name}"` : name);
