import { readFileSync } from "node:fs";
import { Compile } from "typebox/schema";

/** DigitalOcean's OpenAPI description of its registry API: what its clients are made from. */
export const ORACLE_FILE = new URL("../../../../shared/openapi/docr-registry.openapi.json", import.meta.url);

type JsonSchema = Record<string, unknown>;

interface Content {
  content?: { "application/json": { schema: JsonSchema } };
}

interface Described {
  operationId: string;
  parameters?: { in: "path" | "query"; name: string; schema: JsonSchema }[];
  requestBody?: Content;
  responses: Record<string, Content & { headers?: Record<string, unknown> }>;
  security: { bearer_auth: string[] }[];
}

/** One operation, as the description has it. */
export interface OracleOperation {
  id: string;
  method: "GET" | "POST" | "PUT" | "DELETE";
  path: string;
  scopes: readonly string[];
  queryParameters: readonly string[];
  /** As they are written there, `default` included. */
  statuses: readonly string[];
  /** What is wrong with a body that is sent. */
  requestErrors: (body: unknown) => unknown[];
  /** What is wrong with an answer of this status; the description's `default` speaks for those that it does not name. */
  answerErrors: (status: number, body: Buffer) => unknown[];
  headersOf: (status: number) => string[];
}

export const ORACLE: readonly OracleOperation[] = readOperations();

function readOperations(): OracleOperation[] {
  const { paths } = JSON.parse(readFileSync(ORACLE_FILE, "utf8")) as {
    paths: Record<string, Record<string, Described>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => toOperation(path, method, described)),
  );
}

function toOperation(path: string, method: string, described: Described): OracleOperation {
  const { operationId, parameters = [], requestBody, responses, security } = described;
  const responseTo = (status: number) => responses[status] ?? responses.default ?? {};
  return {
    id: operationId,
    method: method.toUpperCase() as OracleOperation["method"],
    path,
    scopes: security.flatMap(({ bearer_auth: scopes }) => scopes),
    queryParameters: parameters.filter((parameter) => parameter.in === "query").map(({ name }) => name),
    statuses: Object.keys(responses),
    requestErrors: (body) => errorsOf(requestBody, body),
    answerErrors: (status, body) => {
      const response = responseTo(status);
      if (response.content === undefined) return body.length === 0 ? [] : ["a body where there is none"];
      return errorsOf(response, JSON.parse(body.toString()));
    },
    headersOf: (status) => Object.keys(responseTo(status).headers ?? {}),
  };
}

function errorsOf(described: Content | undefined, value: unknown): unknown[] {
  const schema = described?.content?.["application/json"].schema;
  if (schema === undefined) return [];
  const [isRight, errors] = Compile(schema).Errors(value);
  return isRight ? [] : errors;
}
