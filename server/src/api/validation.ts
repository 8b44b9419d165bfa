import type { FastifySchemaCompiler } from "fastify";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { RegistryError } from "../model/errors.ts";

/**
 * Checks what a request says against its route's schema, and refuses it with the first thing that is wrong. A query
 * string is text, so what the schema calls an integer or a boolean is read from it; a body says itself what it means, so
 * that the number 5 is no name.
 */
export const compileSchema: FastifySchemaCompiler<TSchema> = ({ schema, httpPart = "request" }) => {
  const validator = Compile(schema);
  return (value: unknown) => {
    const read = httpPart === "querystring" ? readTexts(schema, value) : value;
    if (validator.Check(read)) return { value: read };
    const [first] = validator.Errors(read);
    const place = `${httpPart}${first?.instancePath ?? ""}`;
    const message = `request payload validation failed: ${place} ${first?.message ?? "is malformed"}`;
    return { error: new RegistryError("SETTING_INVALID", message) };
  };
};

function readTexts(schema: TSchema, query: unknown): object {
  const properties = "properties" in schema ? (schema.properties as Record<string, { type?: string }>) : {};
  const entries = Object.entries(query as Record<string, unknown>);
  return Object.fromEntries(entries.map(([name, text]) => [name, readText(properties[name]?.type, text)]));
}

function readText(type: string | undefined, text: unknown): unknown {
  if (type === "integer" && typeof text === "string" && /^-?\d+$/.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}
