// Runs once before a config, in the global scope: what there is beside the language, and how the
// config is called. Gives what the evaluator calls, as an object.
//
// `host` holds the functions of the evaluator. Nothing else than this file can reach it.
(function (host) {
  "use strict";
  const { stringify, parse } = JSON;
  const { isArray } = Array;
  const define = (name, value) =>
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });

  /** An error that the evaluator has a diagnostic for. */
  const refuse = (failure) => {
    const error = new Error(failure.message);
    Object.defineProperty(error, host.failureKey, { value: failure.index });
    throw error;
  };
  const asked = (answer) => (answer.failure === undefined ? answer.value : refuse(answer.failure));

  // console

  const shown = (value) => {
    if (typeof value === "string") return value;
    if (value instanceof Error) return value.stack ? `${value}\n${value.stack}`.trimEnd() : String(value);
    if (typeof value === "object" && value !== null) {
      try {
        return stringify(value, (_, inner) => (typeof inner === "bigint" ? `${inner}n` : inner)) ?? String(value);
      } catch {
        return Object.prototype.toString.call(value);
      }
    }
    return typeof value === "bigint" ? `${value}n` : String(value);
  };
  const printer = (level) => (...values) => host.print(level, values.map(shown).join(" "));
  const console = {};
  const levels = { trace: 0, debug: 0, log: 1, info: 1, dir: 1, table: 1, warn: 2, error: 3 };
  for (const [name, level] of Object.entries(levels)) console[name] = printer(level);
  console.assert = (holds, ...values) => holds || console.error("Assertion failed:", ...values);
  for (const name of ["time", "timeEnd", "timeLog", "group", "groupEnd", "groupCollapsed", "count"]) {
    console[name] = () => {};
  }
  define("console", console);

  // process

  define("process", {
    env: parse(host.environment),
    argv: [],
    cwd: () => ".",
    exit: (code = 0) => refuse(host.refuseExit(Number(code))),
  });
  define("global", globalThis);

  // What would need a world: each is a function, so that libraries can look whether it is there.

  for (const [name, instead] of Object.entries({
    fetch: "the network",
    WebSocket: "the network",
    XMLHttpRequest: "the network",
    setTimeout: "timers",
    setInterval: "timers",
    setImmediate: "timers",
  })) {
    define(name, function () {
      refuse(host.refuseGlobal(name, instead));
    });
  }
  define("clearTimeout", () => {});
  define("clearInterval", () => {});
  define("clearImmediate", () => {});

  // Text in UTF-8, which libraries for hashes and encodings need.

  define("TextEncoder", class TextEncoder {
    get encoding() {
      return "utf-8";
    }
    encode(text = "") {
      const bytes = [];
      for (const char of String(text)) {
        let code = char.codePointAt(0);
        if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
        if (code < 0x80) bytes.push(code);
        else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
        else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
        else {
          bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
        }
      }
      return new Uint8Array(bytes);
    }
  });
  define("TextDecoder", class TextDecoder {
    get encoding() {
      return "utf-8";
    }
    decode(bytes = new Uint8Array()) {
      const view = ArrayBuffer.isView(bytes)
        ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        : new Uint8Array(bytes);
      let escaped = "";
      for (const byte of view) escaped += `%${byte.toString(16).padStart(2, "0")}`;
      return decodeURIComponent(escaped);
    }
  });

  // CommonJS. `require` works in every module, as in the tools that load configs elsewhere.

  const modules = new Map();
  const load = (id) => {
    const known = modules.get(id);
    if (known !== undefined) return known.exports;
    const kind = host.kind(id);
    if (kind === "module") return host.importNow(id);
    const module = { exports: {}, id, filename: id, loaded: false };
    modules.set(id, module);
    try {
      if (kind === "json") {
        module.exports = parse(host.text(id));
      } else {
        const folder = id.includes("/") ? id.slice(0, id.lastIndexOf("/")) : ".";
        host.compile(id).call(module.exports, module.exports, requireOf(id), module, id, folder);
      }
    } catch (error) {
      modules.delete(id);
      throw error;
    }
    module.loaded = true;
    return module.exports;
  };
  const requireOf = (base) => {
    const require = (specifier) => load(asked(host.resolve(base, String(specifier))));
    require.resolve = (specifier) => asked(host.resolve(base, String(specifier)));
    return require;
  };
  // The shim of a CommonJS or JSON module that is imported calls this.
  Object.defineProperty(globalThis, host.loadKey, { value: load });
  define("require", (specifier) => load(asked(host.resolveFromCaller(String(specifier)))));

  // The config

  const ctx = { functionSource: (path) => parse(asked(host.functionSource(String(path)))) };

  const problem = (path, text, remedy) => refuse(host.refuseValue(path, text, remedy));

  /** The value as JSON; refuses what JSON would drop or change in silence. */
  const plain = (value, path, around) => {
    if (value === null || typeof value === "string" || typeof value === "boolean") return stringify(value);
    if (typeof value === "number") {
      if (!Number.isFinite(value)) problem(path, `${value} is not a value of a config`, "write a number or a text");
      return stringify(value);
    }
    if (typeof value === "function") {
      problem(path, "expected a value, found a function", "call it, so that its result is the value");
    }
    if (typeof value !== "object") {
      problem(path, `expected a value, found a ${typeof value}`, "write it as a text or a number");
    }
    if (value instanceof Promise) {
      problem(path, "expected a value, found a promise", "await it; the function that makes the config may be async");
    }
    if (around.includes(value)) {
      problem(path, "the value contains itself", "remove the reference back");
    }
    if (around.length >= 64) {
      problem(path, "values are nested more than 64 deep", "flatten the config");
    }
    const inner = [...around, value];
    if (isArray(value)) {
      const items = value.map((item, index) => plain(item === undefined ? null : item, [...path, index], inner));
      return `[${items.join(",")}]`;
    }
    if (typeof value.toJSON === "function") return plain(value.toJSON(), path, inner);
    const members = Object.keys(value)
      .filter((key) => value[key] !== undefined)
      .map((key) => `${stringify(key)}:${plain(value[key], [...path, key], inner)}`);
    return `{${members.join(",")}}`;
  };

  const nothing = (value) =>
    value === undefined ||
    (host.isCommonJs() && value !== null && typeof value === "object" && Object.keys(value).length === 0);

  return {
    /** What the entry module exports as the config. */
    exported(namespace) {
      let value = namespace.default;
      const wrapped = value !== null && typeof value === "object" && "default" in value && !("tables" in value);
      if (wrapped) value = value.default;
      return nothing(value) ? refuse(host.refuseNoExport()) : value;
    },
    /** What comes of the config, should it be a function; as a promise. */
    called: (value) => Promise.resolve(typeof value === "function" ? value(ctx) : value),
    document(value) {
      if (value === null || typeof value !== "object") {
        const found = typeof value === "function" ? "a function" : typeof value === "string" ? "a text" : value === undefined ? "nothing" : String(value);
        problem([], `expected the dataset as an object, found ${found}`,
          'return an object such as { name: "eth", tables: { logs: { sql: "SELECT ..." } } }');
      }
      return plain(value, [], []);
    },
  };
})
