import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { CommandError } from "./command-error.ts";

/** Where the command line finds the server: its socket in the data folder, or a URL and a token. */
export type Target = { socketPath: string } | { url: URL; token: string };

const CANNOT_CONNECT = new Set(["ECONNREFUSED", "ENOENT", "EACCES", "ENOTFOUND", "EAI_AGAIN", "ECONNRESET"]);

/**
 * Calls the server and returns the answer's JSON, `undefined` where it has no body.
 * @throws {CommandError} with the server's own sentence, where it refuses
 */
export async function call<T>(
  target: Target,
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  body?: object,
): Promise<T> {
  const { status, text } = await send(target, method, path, body);
  if (status < 400) return (text === "" ? undefined : JSON.parse(text)) as T;
  const { message } = messageIn(text);
  throw new CommandError(message ?? `the server answered ${status}`, status);
}

function send(
  target: Target,
  method: string,
  path: string,
  body: object | undefined,
): Promise<{ status: number; text: string }> {
  const headers = {
    ...("url" in target ? { authorization: `Bearer ${target.token}` } : { host: "localhost" }),
    ...(body === undefined ? {} : { "content-type": "application/json" }),
  };
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const outgoing =
    "url" in target
      ? (target.url.protocol === "https:" ? httpsRequest : httpRequest)(new URL(path, target.url), {
          method,
          headers,
        })
      : httpRequest({ socketPath: target.socketPath, path, method, headers });
  outgoing.on("error", (error: NodeJS.ErrnoException) => {
    reject(CANNOT_CONNECT.has(error.code ?? "") ? notRunning(target, error) : error);
  });
  outgoing.on("response", async (response) => {
    try {
      const text = Buffer.concat(await response.toArray()).toString();
      resolve({ status: response.statusCode ?? 0, text });
    } catch (error) {
      reject(error);
    }
  });
  outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

function messageIn(text: string): { message?: string } {
  try {
    return JSON.parse(text) as { message?: string };
  } catch {
    return {};
  }
}

function notRunning(target: Target, cause: unknown): CommandError {
  const where = "url" in target ? target.url.origin : target.socketPath;
  const hint =
    "url" in target
      ? "Is it running, and is the URL right?"
      : "Is it running with this data folder? Name another with --data, or a server with --url.";
  return new CommandError(`no Boxyard answers at ${where}. ${hint}`, undefined, { cause });
}
