import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { OPENAPI_FILE } from "../../openapi.ts";
import { ORACLE_FILE } from "./oracle.ts";

// Our OpenAPI document against DigitalOcean's, operation by operation: what their clients send we take, and what they
// expect in an answer we promise.

interface Schema {
  $ref?: string;
  type?: string;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  allOf?: Schema[];
  anyOf?: Schema[];
  additionalProperties?: Schema;
  minimum?: number;
  maximum?: number;
  [keyword: string]: unknown;
}

interface Content {
  content?: Record<string, { schema: Schema }>;
}

interface Operation {
  operationId: string;
  parameters?: { in: string; name: string; required?: boolean; schema: Schema }[];
  requestBody?: Content & { required?: boolean };
  responses: Record<string, Content & { headers?: Record<string, unknown> }>;
  security: { bearer_auth: string[] }[];
}

const ours = read(OPENAPI_FILE);
const theirs = read(ORACLE_FILE);

/** A change to no tier is refused. */
const BODY_NEEDED = ["registry_update_subscription", "registries_update_subscription"];
/** What a registry's creation may answer there, and no client can bring about. */
const NEVER = ["registries_create 404"];
/** Only for `read_write=true`: a token that may only read gets credentials that may only read. */
const FEWER_SCOPES = ["registry_get_dockerCredentials", "registries_get_dockerCredentials"];

describe.each(Object.entries(theirs).map(([id, { path, operation }]) => ({ id, path, expected: operation })))(
  "$id",
  ({ id, path, expected }) => {
    const actual = ours[id]?.operation as Operation;

    test("is at the same path, and wants the same scopes", () => {
      expect(ours[id]?.path).toBe(path);
      const scopes = expected.security.flatMap(({ bearer_auth }) => bearer_auth);
      expect(actual.security.flatMap(({ bearer_auth }) => bearer_auth)).toEqual(
        FEWER_SCOPES.includes(id) ? ["registry:read"] : scopes,
      );
    });

    test("takes every parameter, and needs none more", () => {
      for (const { in: place, name, required = false, schema } of expected.parameters ?? []) {
        const parameter = actual.parameters?.find((one) => one.in === place && one.name === name);
        expect([name, parameter?.required]).toEqual([name, required]);
        expect(narrowings(parameter?.schema ?? {}, schema, name)).toEqual([]);
      }
      const names = (expected.parameters ?? []).map(({ name }) => name);
      const more = (actual.parameters ?? []).filter(({ name }) => !names.includes(name));
      expect(more.filter(({ required }) => required)).toEqual([]);
    });

    test("takes every body", () => {
      const schema = schemaOf(expected.requestBody);
      const taken = schemaOf(actual.requestBody);
      if (schema === undefined) return expect(actual.requestBody?.required ?? false).toBe(false);
      const isNeeded = BODY_NEEDED.includes(id);
      expect(narrowings(taken ?? {}, schema, "body")).toEqual(isNeeded ? ["body.tier_slug: needed"] : []);
      if (!isNeeded && !expected.requestBody?.required) expect(actual.requestBody?.required).toBe(false);
    });

    test("answers with every status, property and header", () => {
      for (const [status, response] of Object.entries(expected.responses)) {
        if (NEVER.includes(`${id} ${status}`)) continue;
        const answer = actual.responses[status];
        expect([status, answer !== undefined]).toEqual([status, true]);
        expect(Object.keys(answer?.headers ?? {})).toEqual(
          expect.arrayContaining(Object.keys(response.headers ?? {})),
        );
        const schema = schemaOf(response);
        if (schema === undefined) expect(answer?.content).toBeUndefined();
        else expect(shortfalls(schemaOf(answer) ?? {}, schema, status)).toEqual([]);
      }
    });
  },
);

test("all 37 operations are compared", () => {
  expect(Object.keys(theirs)).toHaveLength(37);
});

/** Where a schema of ours refuses what theirs takes: it has to know every property and word, and may need no more. */
function narrowings(our: Schema, their: Schema, place: string): string[] {
  const found: string[] = [];
  found.push(...otherType(our, their, place));
  for (const word of our.enum === undefined ? [] : (their.enum ?? [])) {
    if (!our.enum?.includes(word)) found.push(`${place}: not ${word}`);
  }
  for (const name of our.required ?? []) {
    if (!their.required?.includes(name)) found.push(`${place}.${name}: needed`);
  }
  // What is clamped is taken, however far out of range.
  if (!our["x-clamped"]) {
    if ((our.minimum ?? -Infinity) > (their.minimum ?? -Infinity)) found.push(`${place}: minimum`);
    if ((our.maximum ?? Infinity) < (their.maximum ?? -Infinity)) found.push(`${place}: maximum`);
  }
  for (const [name, schema] of Object.entries(their.properties ?? {})) {
    const property = our.properties?.[name];
    if (property === undefined) found.push(`${place}.${name}: unknown`);
    else found.push(...narrowings(property, schema, `${place}.${name}`));
  }
  return found;
}

/** Where a schema of ours promises less than theirs: it has to have every property, of that type, and no other word. */
function shortfalls(our: Schema, their: Schema, place: string): string[] {
  const found: string[] = [];
  found.push(...otherType(our, their, place));
  for (const word of their.enum === undefined ? [] : (our.enum ?? [])) {
    if (!their.enum?.includes(word)) found.push(`${place}: ${word}`);
  }
  for (const name of their.required ?? []) {
    if (!our.required?.includes(name)) found.push(`${place}.${name}: not always`);
  }
  for (const [name, schema] of Object.entries(their.properties ?? {})) {
    const property = our.properties?.[name] ?? our.additionalProperties;
    if (property === undefined) found.push(`${place}.${name}: missing`);
    else found.push(...shortfalls(property, schema, `${place}.${name}`));
  }
  if (their.items !== undefined) found.push(...shortfalls(our.items ?? {}, their.items, `${place}[]`));
  return found;
}

function otherType(our: Schema, their: Schema, place: string): string[] {
  const [actual, expected] = [typeOf(our), typeOf(their)];
  return expected === undefined || actual === expected ? [] : [`${place}: ${actual} instead of ${expected}`];
}

/** What a schema is of, where it says so in any way. */
function typeOf({ type, enum: words, properties }: Schema): string | undefined {
  return type ?? (words === undefined ? properties && "object" : typeof words[0]);
}

/** A document's operations by their ids, without references, and with what several schemas say together as one. */
function read(file: string | URL): Record<string, { path: string; operation: Operation }> {
  const document = JSON.parse(readFileSync(file, "utf8"));
  const plain = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map(plain);
    const { $ref, ...rest } = value as Schema;
    if ($ref !== undefined) {
      const target = $ref
        .slice(2)
        .split("/")
        .reduce((place, name) => place[name], document);
      return plain({ ...target, ...rest });
    }
    return merge(Object.fromEntries(Object.entries(rest).map(([key, one]) => [key, plain(one)])));
  };
  const paths = plain(document.paths) as Record<string, Record<string, Operation>>;
  return Object.fromEntries(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [
        operation.operationId,
        { path: `${method} ${path}`, operation },
      ]),
    ),
  );
}

/** What `anyOf` allows may be there, and nothing of it has to. */
function merge({ allOf = [], anyOf = [], ...rest }: Schema): Schema {
  if (allOf.length + anyOf.length === 0) return rest;
  const parts: Schema[] = [rest, ...allOf, ...anyOf.map(({ required, ...part }) => part)];
  return {
    ...Object.assign({}, ...parts),
    properties: Object.assign({}, ...parts.map(({ properties }) => properties)),
    required: parts.flatMap(({ required }) => required ?? []),
  };
}

function schemaOf(content: Content | undefined): Schema | undefined {
  return content?.content?.["application/json"]?.schema;
}
