/** A worker thread that parses the manifest in every message, one after the other. */
import { parentPort } from "node:worker_threads";
import { RegistryError } from "../model/errors.ts";
import { parseManifest } from "../model/manifest.ts";
import { type ParseAnswer, type ParseRequest, toMessage } from "../model/manifest-message.ts";

parentPort?.on("message", (request: ParseRequest) => {
  parentPort?.postMessage(answer(request));
});

function answer({ content, contentType, algorithm }: ParseRequest): ParseAnswer {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  try {
    return { manifest: toMessage(parseManifest(bytes, contentType, algorithm)) };
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    const { code, message, detail } = error;
    return { refusal: { code, message, detail } };
  }
}
