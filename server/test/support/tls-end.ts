/** TLS in front of a server that speaks plain HTTP: what clients that refuse that want. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { createServer } from "node:tls";

export interface TlsEnd extends AsyncDisposable {
  /** Where it is reached, by `https:`. */
  origin: URL;
  /** A file with the certificate that it has made for itself. */
  certificate: string;
  /** Passes on to this port from now on, byte for byte. */
  leadTo(port: number): void;
}

export async function openTlsEnd(): Promise<TlsEnd> {
  const folder = mkdtempSync(join(tmpdir(), "boxyard-tls-"));
  const certificate = join(folder, "certificate.pem");
  const key = join(folder, "key.pem");
  const subject = ["-subj", "/CN=boxyard", "-addext", "subjectAltName=IP:127.0.0.1"];
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"];
  execFileSync("openssl", ["req", "-x509", ...made, ...subject, "-keyout", key, "-out", certificate], {
    stdio: "pipe",
  });
  let target = 0;
  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (socket) => {
    const onward = connect(target, "127.0.0.1");
    // Whoever ends first, it is no failure.
    pipeline(socket, onward, socket, () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`),
    certificate,
    leadTo(port) {
      target = port;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      rmSync(folder, { recursive: true });
    },
  };
}
