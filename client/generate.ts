/**
 * Writes what is made from openapi.json: `node client/generate.ts`.
 *
 *   src/operations.ts   the types, and a method for each operation
 *   REFERENCE.md        each method's parameters, answer and errors
 *   README.md           between two marks: which method is which operation
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
  description?: string;
  default?: unknown;
}

interface Document {
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, DocumentedOperation>>;
  components: { schemas: Record<string, Schema>; responses: Record<string, { description: string }> };
}

interface DocumentedOperation {
  operationId: string;
  summary: string;
  tags: string[];
  parameters?: {
    in: "path" | "query";
    name: string;
    required: boolean;
    description?: string;
    schema: Schema;
  }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
  security?: { bearer_auth: string[] }[];
}

interface Parameter {
  name: string;
  place: "path" | "query" | "body";
  isRequired: boolean;
  schema: Schema;
  description: string | undefined;
}

interface Method {
  id: string;
  group: string;
  name: string;
  summary: string;
  verb: string;
  path: string;
  parameters: Parameter[];
  body: "json" | "form" | undefined;
  answer: Schema | undefined;
  scopes: string[];
  errors: string[];
}

const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";
/** The group of operations that are no part of the management API: programs of other kinds ask them. */
const LEFT_OUT = "server";
const MARKS = ["<!-- methods: written by npm run openapi -->\n", "<!-- end of methods -->\n"] as const;

/** Each file that is made, with its content. */
export function generate(): { file: string; content: string }[] {
  const document = readDocument();
  const methods = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      // A stream has no end to wait for: it is read with an EventSource.
      .filter(([, { responses }]) => responses[200]?.content?.["text/event-stream"] === undefined)
      .map(([verb, operation]) => toMethod(path, verb.toUpperCase(), operation)),
  );
  return [
    { file: "src/operations.ts", content: writeOperations(document, methods) },
    { file: "REFERENCE.md", content: writeReference(document, methods) },
    { file: "README.md", content: writeReadme(methods) },
  ];
}

/** The document without what is left out, and without the schemas that nothing else refers to. */
function readDocument(): Document {
  const { tags, paths, components }: Document = JSON.parse(read("../openapi.json"));
  const kept = Object.entries(paths).filter(([, operations]) =>
    Object.values(operations).every((operation) => !operation.tags.includes(LEFT_OUT)),
  );
  const { schemas, responses } = components;
  const text = JSON.stringify([kept, schemas, responses]);
  const isReferredTo = (name: string) => text.includes(`"#/components/schemas/${name}"`);
  return {
    tags: tags.filter(({ name }) => name !== LEFT_OUT),
    paths: Object.fromEntries(kept),
    components: {
      responses,
      schemas: Object.fromEntries(Object.entries(schemas).filter(([name]) => isReferredTo(name))),
    },
  };
}

function toMethod(path: string, verb: string, operation: DocumentedOperation): Method {
  const { operationId: id, summary, tags, requestBody, responses, security = [] } = operation;
  const [group = ""] = tags;
  const parameters: Parameter[] = (operation.parameters ?? []).map(
    ({ in: place, name, required, schema, description }) => ({
      name,
      place,
      isRequired: required,
      schema,
      description,
    }),
  );
  const kind = requestBody && (FORM_TYPE in requestBody.content ? "form" : "json");
  const body = kind && requestBody?.content[kind === "form" ? FORM_TYPE : JSON_TYPE]?.schema;
  for (const [name, schema] of Object.entries(body?.properties ?? {})) {
    const isRequired = body?.required?.includes(name) ?? false;
    parameters.push({ name, place: "body", isRequired, schema, description: schema.description });
  }
  const names = parameters.map(({ name }) => name);
  if (new Set(names).size < names.length) throw new Error(`${id} has two parameters of one name`);
  const success = Object.keys(responses).find((status) => status.startsWith("2")) ?? "";
  return {
    id,
    group,
    name: camelCase(id.slice(group.length + 1)),
    summary,
    verb,
    path,
    parameters: parameters.sort((a, b) => Number(b.isRequired) - Number(a.isRequired)),
    body: kind,
    answer: responses[success]?.content?.[JSON_TYPE]?.schema,
    scopes: security.flatMap(({ bearer_auth: scopes }) => scopes),
    errors: Object.keys(responses).filter((status) => /^[45]/.test(status)),
  };
}

function camelCase(id: string): string {
  return id.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function writeOperations({ tags, components }: Document, methods: Method[]): string {
  const lines = [
    "// Written by `npm run openapi` from openapi.json.",
    'import type { Call, CallOptions } from "./call.ts";',
    "",
    ...Object.entries(components.schemas).flatMap(([name, schema]) => [
      ...comment(schema.description, ""),
      `export interface ${name} ${typeOf(schema, "")}`,
      "",
    ]),
  ];
  for (const method of methods) {
    const { parameters, answer } = method;
    if (parameters.length > 0) {
      lines.push(`export interface ${typeName(method)}Parameters {`);
      for (const { name, isRequired, schema, description } of parameters) {
        lines.push(...comment(description, "  "), `  ${property(name, isRequired, schema, "  ")}`);
      }
      lines.push("}", "");
    }
    if (answer !== undefined) {
      lines.push(`export type ${typeName(method)}Answer = ${typeOf(answer, "")};`, "");
    }
  }
  lines.push("export interface Operations {");
  for (const { name: group, description } of tags) {
    lines.push(...comment(description, "  "), `  readonly ${group}: {`);
    for (const method of methods.filter((one) => one.group === group)) {
      lines.push(
        ...comment(`${method.summary}.`, "    "),
        `    readonly ${method.name}: ${signature(method)};`,
      );
    }
    lines.push("  };");
  }
  lines.push("}", "", "export function operationsWith(call: Call): Operations {", "  return {");
  for (const { name: group } of tags) {
    lines.push(`    ${group}: {`);
    for (const method of methods.filter((one) => one.group === group))
      lines.push(`      ${implementation(method)},`);
    lines.push("    },");
  }
  lines.push("  };", "}", "");
  return lines.join("\n");
}

function typeName({ id }: Method): string {
  return camelCase(`_${id}`);
}

function signature(method: Method): string {
  const { parameters, answer } = method;
  const optional = parameters.some(({ isRequired }) => isRequired) ? "" : "?";
  const list = [
    ...(parameters.length > 0 ? [`parameters${optional}: ${typeName(method)}Parameters`] : []),
    "options?: CallOptions",
  ];
  return `(${list.join(", ")}) => Promise<${answer === undefined ? "void" : `${typeName(method)}Answer`}>`;
}

function implementation({ name, verb, path, parameters, body }: Method): string {
  const query = parameters.filter(({ place }) => place === "query").map((one) => one.name);
  const template = query.length > 0 ? `${path}{?${query.join(",")}}` : path;
  const given = parameters.length > 0 ? "parameters = {}" : "";
  const needed = parameters.some(({ isRequired }) => isRequired) ? "parameters" : given;
  const taken = [needed, "options"].filter((one) => one !== "").join(", ");
  const passed = [
    JSON.stringify(verb),
    JSON.stringify(template),
    parameters.length > 0 ? "parameters" : "{}",
    "options",
    ...(body === undefined ? [] : [JSON.stringify(body)]),
  ];
  return `${name}: (${taken}) => call(${passed.join(", ")})`;
}

function property(name: string, isRequired: boolean, schema: Schema, indent: string): string {
  const type = typeOf(schema, indent);
  return isRequired ? `${name}: ${type};` : `${name}?: ${type} | undefined;`;
}

function comment(text: string | undefined, indent: string): string[] {
  return text === undefined ? [] : [`${indent}/** ${text} */`];
}

/** A schema as a type. What it may be beside this is not used in the document, and refused. */
function typeOf(schema: Schema, indent: string): string {
  const { $ref, enum: words, anyOf, type, items, properties, required = [], additionalProperties } = schema;
  if ($ref !== undefined) return $ref.slice($ref.lastIndexOf("/") + 1);
  if (words !== undefined) return words.map((word) => JSON.stringify(word)).join(" | ");
  if (anyOf !== undefined) return anyOf.map((one) => typeOf(one, indent)).join(" | ");
  if (Array.isArray(type)) return type.map((one) => typeOf({ ...schema, type: one }, indent)).join(" | ");
  switch (type) {
    case "integer":
    case "number":
      return "number";
    case "string":
    case "boolean":
    case "null":
      return type;
    case "array": {
      const item = typeOf(items ?? {}, indent);
      return item.includes("|") ? `(${item})[]` : `${item}[]`;
    }
    case "object": {
      if (additionalProperties === true) return "Record<string, unknown>";
      if (typeof additionalProperties === "object")
        return `Record<string, ${typeOf(additionalProperties, indent)}>`;
      const deeper = `${indent}  `;
      const lines = Object.entries(properties ?? {}).flatMap(([name, one]) => [
        ...comment(one.description, deeper),
        `${deeper}${property(name, required.includes(name), one, deeper)}`,
      ]);
      return lines.length === 0 ? "{}" : ["{", ...lines, `${indent}}`].join("\n");
    }
    default:
      throw new Error(`no type for ${JSON.stringify(schema)}`);
  }
}

function writeReference({ tags, components }: Document, methods: Method[]): string {
  const lines = [
    "# The methods of @boxyard/client",
    "",
    "Written by `npm run openapi` from openapi.json. Every method takes `options` last: `{ signal, timeout, retries }`. What goes",
    "wrong is thrown as an `ApiError` with the `status` of the answer; the README has what else may be thrown.",
    "",
  ];
  for (const { name: group, description } of tags) {
    lines.push(`## ${group}`, "", description, "");
    for (const method of methods.filter((one) => one.group === group))
      lines.push(...describe(method, components));
  }
  lines.push("## Types", "", "```ts");
  for (const [name, schema] of Object.entries(components.schemas)) {
    lines.push(...comment(schema.description, ""), `interface ${name} ${typeOf(schema, "")}`, "");
  }
  lines.splice(-1, 1, "```", "");
  return lines.join("\n");
}

function describe(method: Method, { responses }: Document["components"]): string[] {
  const { group, name, summary, verb, path, parameters, answer, scopes, errors } = method;
  const given = parameters.length > 0 ? "parameters, options" : "options";
  const lines = [`### ${group}.${name}(${given})`, "", `${summary}. \`${verb} ${path}\``, ""];
  if (parameters.length > 0) {
    lines.push("| parameter | type | |", "|---|---|---|");
    for (const { name: parameter, isRequired, schema, description } of parameters) {
      const type = typeOf(schema, "").replace(/\s+/g, " ").replaceAll("|", "\\|");
      const standard =
        schema.default === undefined ? undefined : `default: ${JSON.stringify(schema.default)}`;
      const notes = [isRequired ? "required" : undefined, description, standard].filter(
        (one) => one !== undefined,
      );
      lines.push(`| ${parameter} | \`${type}\` | ${notes.join("; ")} |`);
    }
    lines.push("");
  }
  lines.push(
    `- Answers: ${answer === undefined ? "nothing" : `\`${typeOf(answer, "").replace(/\s+/g, " ")}\``}`,
    `- Scopes: ${scopes.length > 0 ? scopes.map((scope) => `\`${scope}\``).join(", ") : "none"}`,
    `- Errors: ${errors.map((status) => `${status} ${responses[status]?.description}`).join(", ")}`,
    "",
  );
  return lines;
}

function writeReadme(methods: Method[]): string {
  const text = read("README.md");
  const [start, end] = MARKS.map((mark) => text.indexOf(mark)) as [number, number];
  if (start < 0 || end < start) throw new Error(`README.md has no ${MARKS.join("… ")}`);
  const rows = methods.map(
    ({ id, group, name, verb, path }) => `| \`${id}\` | \`${group}.${name}\` | \`${verb} ${path}\` |\n`,
  );
  const table = `| operation | method | |\n|---|---|---|\n${rows.join("")}`;
  return text.slice(0, start + MARKS[0].length) + table + text.slice(end);
}

function read(file: string): string {
  return readFileSync(join(import.meta.dirname, file), "utf8");
}

if (import.meta.main) {
  for (const { file, content } of generate()) writeFileSync(join(import.meta.dirname, file), content);
}
