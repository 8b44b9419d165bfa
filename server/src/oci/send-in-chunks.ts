import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";

/**
 * Answers with what `send` hands over, past Fastify's streams: a chunk's memory can only be used again if it is known
 * when the system has taken it. What fails before the first chunk is thrown; after it, all that is left is to cut the
 * connection, so that nobody takes what came for the whole.
 */
export async function sendInChunks(
  reply: FastifyReply,
  setHeaders: () => void,
  send: (take: (chunk: Buffer) => Promise<void>) => Promise<void>,
): Promise<FastifyReply> {
  const { raw } = reply;
  const take = (chunk: Buffer) => {
    if (!raw.headersSent) {
      setHeaders();
      reply.hijack();
      raw.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string | string[]>);
    }
    return write(raw, chunk);
  };
  try {
    await send(take);
    raw.end();
  } catch (error) {
    if (!raw.headersSent) throw error;
    if (!raw.destroyed)
      reply.log.error(
        { reqId: reply.request.id, err: error },
        "an answer was cut off: its bytes could not be read",
      );
    raw.destroy();
  }
  return reply;
}

/** Resolves when the chunk's bytes are the system's. */
function write(raw: ServerResponse, chunk: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  raw.write(chunk, (error) => (error ? reject(error) : resolve()));
  return promise;
}
