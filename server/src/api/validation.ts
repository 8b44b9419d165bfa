import type { FastifySchemaCompiler } from "fastify";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { isObject } from "../model/descriptor.ts";
import { RegistryError } from "../model/errors.ts";

/** What matters here of a property's schema. */
interface Property {
  type?: string | readonly string[];
  anyOf?: readonly Property[];
  enum?: readonly unknown[];
  minimum?: number;
  maximum?: number;
  "x-clamped"?: true;
}

/**
 * Checks what a request says against its route's schema, and refuses it with the first thing that is wrong. A query
 * string is text, so what the schema calls an integer or a boolean is read from it; a body says itself what it means, so
 * that the number 5 is no name.
 */
export const compileSchema: FastifySchemaCompiler<TSchema> = ({ schema, httpPart = "request" }) => {
  const validator = Compile(schema);
  const properties = "properties" in schema ? (schema.properties as Record<string, Property>) : {};
  const read = { querystring: readQuery, body: readBody }[httpPart] ?? readAsIs;
  return (text: unknown) => {
    const value = read(properties, text);
    if (validator.Check(value)) return { value };
    const [first] = validator.Errors(value);
    const place = `${httpPart}${first?.instancePath ?? ""}`;
    const message = `request payload validation failed: ${place} ${first && complaintOf(first)}`;
    return { error: new RegistryError("SETTING_INVALID", message) };
  };
};

type ValidationError = ReturnType<ReturnType<typeof Compile>["Errors"]>[number];

function complaintOf(error: ValidationError): string {
  if (error.keyword === "enum") return `must be one of ${error.params.allowedValues.join(", ")}`;
  // No property is allowed beside those that are named.
  if (error.keyword === "boolean") return "is not known here";
  return error.message;
}

function readAsIs(_properties: Record<string, Property>, value: unknown): unknown {
  return value;
}

function readQuery(properties: Record<string, Property>, query: unknown): object {
  const entries = Object.entries(query as Record<string, unknown>);
  return Object.fromEntries(
    entries
      .map(([name, text]) => [name, readText(properties[name] ?? {}, text)] as const)
      .filter(([, value]) => value !== undefined),
  );
}

function readText(property: Property, text: unknown): unknown {
  if (typeof text !== "string") return text;
  if (property.type === "boolean" && (text === "true" || text === "false")) return text === "true";
  if (property.type !== "integer") return text;
  const isInteger = /^-?\d+$/.test(text);
  if (property["x-clamped"]) return isInteger ? clamp(Number(text), property) : undefined;
  return isInteger ? Number(text) : text;
}

function clamp(number: number, { minimum = -Infinity, maximum = Infinity }: Property): number {
  return Math.min(Math.max(number, minimum), maximum);
}

/**
 * No body is an object without anything in it, and so is a property that is null, or an empty text where only certain
 * words are taken: clients send these for what their user did not set.
 */
function readBody(properties: Record<string, Property>, body: unknown): unknown {
  if (body === undefined || body === null) return {};
  if (!isObject(body)) return body;
  return Object.fromEntries(
    Object.entries(body).filter(
      ([name, value]) =>
        (value !== null || takesNull(properties[name])) &&
        !(value === "" && properties[name]?.enum !== undefined),
    ),
  );
}

/** Where null means something of its own. */
function takesNull({ type, enum: words, anyOf }: Property = {}): boolean {
  return [type].flat().includes("null") || words?.includes(null) || anyOf?.some(takesNull) || false;
}
