/**
 * What the WasmEngine dialect takes, as schemas. Each says in `error` what it expects; sentence.ts makes the rest.
 *
 * Members nobody knows are ignored at the top, as WasmEngine does, and refused inside limits, where a typing error
 * would silently mean "no limit". Bounds on env and labels keep a record small: env is copied for every call.
 */
import { z } from "zod";
import { defaultNamespace, type InvokeRequest } from "../functions.ts";
import { durationForm, parseDuration, parseSize, sizeForm } from "../quantities.ts";

/** Names of functions and namespaces: one path segment, and never an option of a command. */
const namePattern = /^[A-Za-z0-9](?:[-A-Za-z0-9_]{0,61}[A-Za-z0-9])?$/;
const nameForm = "a name of 1 to 63 letters, digits, - and _ that begins and ends with a letter or digit";

const name = z.string({ error: nameForm }).regex(namePattern, { error: nameForm });

/** A namespace, which may be left out. */
export const namespace = name.default(defaultNamespace);

const flag = z.boolean({ error: "true or false" }).default(false);
const pageBytes = 65_536;

/** Makes a schema that reads a quantity; what `read` does not take is refused with the sentence `form`. */
function quantity(form: string, read: (value: unknown) => number | undefined) {
  return z
    .unknown()
    .transform((value, context): number => {
      const found = read(value);
      if (found !== undefined) return found;
      context.addIssue({ code: "custom", message: form });
      return z.NEVER;
    })
    .optional();
}

const memory = quantity(`${sizeForm}, and one page (64Ki) at least`, (value) => {
  const bytes = typeof value === "string" ? parseSize(value) : value;
  return Number.isSafeInteger(bytes) && typeof bytes === "number" && bytes >= pageBytes ? bytes : undefined;
});

const timeout = quantity(`${durationForm}, and 1ms at least`, (value) => {
  const ms = typeof value === "string" ? parseDuration(value) : undefined;
  return ms !== undefined && ms >= 1 ? ms : undefined;
});

const limits = z
  .strictObject(
    { memory, timeout },
    {
      error: ({ code }) =>
        code === "unrecognized_keys" ? "only memory and timeout" : "an object with memory or timeout",
    },
  )
  .default({})
  .transform((given): InvokeRequest["limits"] => ({
    ...(given.memory === undefined ? {} : { memoryBytes: given.memory }),
    ...(given.timeout === undefined ? {} : { timeoutMs: given.timeout }),
  }));

type MapRules = {
  readonly key: RegExp;
  readonly keyForm: string;
  readonly valueCharacters: number;
  readonly entries: number;
};

const envRules: MapRules = {
  key: /^[A-Za-z_][-.A-Za-z0-9_]{0,255}$/,
  keyForm: "names of letters, digits, _ - and . that do not begin with a digit",
  valueCharacters: 32_768,
  entries: 256,
};

// Keys of labels as Kubernetes has them: 253 characters of a domain, a slash, 63 characters of a name.
const labelRules: MapRules = {
  key: /^[A-Za-z0-9](?:[-._/A-Za-z0-9]{0,315}[A-Za-z0-9])?$/,
  keyForm: "keys such as tier or com.example/tier",
  valueCharacters: 4096,
  entries: 128,
};

const mapCharacters = 131_072;

/** Makes a schema of an object whose values are strings. */
function stringMap(rules: MapRules) {
  return z
    .unknown()
    .default({})
    .transform((value, context): Readonly<Record<string, string>> => {
      const problem = problemOf(value, rules);
      if (problem === undefined) return value as Readonly<Record<string, string>>; // checked by problemOf
      const { key, message, got } = problem;
      context.addIssue({
        code: "custom",
        message,
        ...(key === undefined ? {} : { path: [key] }),
        ...(got === undefined ? {} : { params: { got } }),
      });
      return z.NEVER;
    });
}

type Problem = { readonly key?: string; readonly message: string; readonly got?: string };

function problemOf(value: unknown, rules: MapRules): Problem | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { message: "an object whose values are strings" };
  }
  const entries: [string, unknown][] = Object.entries(value);
  if (entries.length > rules.entries) return { message: `at most ${rules.entries} entries`, got: `${entries.length}` };
  let characters = 0;
  for (const [key, entry] of entries) {
    const keyOk = rules.key.test(key) && key !== "__proto__";
    if (!keyOk) return { message: rules.keyForm, got: JSON.stringify(key.slice(0, 60)) };
    if (typeof entry !== "string") return { key, message: "a string" };
    if (entry.length > rules.valueCharacters) {
      return { key, message: `at most ${rules.valueCharacters} characters`, got: `${entry.length}` };
    }
    if (entry.includes("\0") || !entry.isWellFormed()) return { key, message: "text without NUL or lone surrogates" };
    characters += key.length + entry.length;
  }
  if (characters <= mapCharacters) return undefined;
  return { message: `at most ${mapCharacters} characters in all`, got: `${characters}` };
}

const exportForm = "the name of an export, 1 to 1024 characters";

const functionMembers = { function_name: name, namespace };
const body = (members: string) => ({ error: `a JSON object with ${members}` });

/** POST /function/deploy. */
export const deployRequest = z.object(
  {
    ...functionMembers,
    function_image: z.string({ error: "an image reference such as 127.0.0.1:5000/hello-wasm:v2" }),
    wasi_cap: flag,
    export: z.string({ error: exportForm }).min(1, { error: exportForm }).max(1024, { error: exportForm }).optional(),
    limits,
    env: stringMap(envRules),
    labels: stringMap(labelRules),
    update: flag,
  },
  body("function_name, function_image and wasi_cap"),
);

/** POST /function/delete and /function/query. */
export const nameRequest = z.object(functionMembers, body("function_name"));

/** POST /function/invoke; its args are read from the text, see arguments.ts. */
export const invokeRequest = z.object({ ...functionMembers, limits }, body("function_name and args"));

/** GET /function/list, out of its query. */
export const listRequest = z.object({ namespace: name.optional() });
