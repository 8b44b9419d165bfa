import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/** Where the API is, while `npm run dev -w web` serves the panel: a server that runs already. */
const SERVER = process.env.BOXYARD_URL ?? "http://127.0.0.1:5100";

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react(), precompress()],
  resolve: { alias: { "@boxyard/client": join(import.meta.dirname, "../client/src/index.ts") } },
  build: {
    target: "es2023",
    // A data: URL would need a hole in the Content-Security-Policy.
    assetsInlineLimit: 0,
    // No inline script, and no browser of the target needs it.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: Object.fromEntries(
      ["/api", "/v1", "/v2", "/docs", "/openapi.json", "/livez", "/readyz"].map((path) => [path, SERVER]),
    ),
  },
});

/** Puts a Brotli and a gzip copy beside each text, so that the server compresses nothing. */
function precompress(): Plugin {
  return {
    name: "precompress",
    apply: "build",
    enforce: "post",
    generateBundle: {
      order: "post",
      async handler(_options, bundle) {
        const texts = Object.values(bundle).filter(({ fileName }) => /\.(js|css|html|svg)$/.test(fileName));
        await Promise.all(
          texts.map(async (file) => {
            const content = Buffer.from(file.type === "chunk" ? file.code : file.source);
            const [brotli, gzipped] = await Promise.all([
              promisify(brotliCompress)(content),
              promisify(gzip)(content, { level: constants.Z_BEST_COMPRESSION }),
            ]);
            this.emitFile({ type: "asset", fileName: `${file.fileName}.br`, source: brotli });
            this.emitFile({ type: "asset", fileName: `${file.fileName}.gz`, source: gzipped });
          }),
        );
      },
    },
  };
}
