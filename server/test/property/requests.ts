/** Requests that nobody should send, in pieces that mean something somewhere. */
import fc from "fast-check";
import { imageOf, OCI_INDEX } from "../support/documents.ts";
import { anyText } from "../support/fuzz.ts";
import { contentOf, noise } from "../support/images.ts";

/** What is there, and is asked about. */
export const config = contentOf(Buffer.from("{}"));
export const layer = contentOf(noise("layer", 2048));
export const image = imageOf(config, [layer]);

/** What requests are made of, and some that never mean anything. */
const PIECES = [
  ..."/ // .. . %2e%2e %2F %00 %zz % ? # & = : ; @ , - _ * \" ' \\ < >".split(" "),
  ..."acme app acme/app blobs blobs/uploads/ manifests tags/list referrers _catalog _oci v1 latest registry".split(
    " ",
  ),
  ..."n= last= digest= mount= from= tag= artifactType= bytes bytes= bytes=0- W/ gzip -1 0 1 2047 2048".split(
    " ",
  ),
  ..."18446744073709551616 9007199254740993 1e9 0x10 NaN sha256: sha512: md5: application/json".split(" "),
  config.digest,
  layer.digest,
  image.digest,
  image.mediaType,
  "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
  "a".repeat(300),
  "\u00e4",
  " ",
];
const pieces = fc.array(
  fc.oneof({ arbitrary: fc.constantFrom(...PIECES), weight: 9 }, anyText({ maxLength: 5 })),
  {
    maxLength: 12,
  },
);
/** Any number of them in a row. */
export const soup = pieces.map((list) => list.join(""));

const inOneLine = soup.map((text) => text.replaceAll(/[\r\n\0]/g, ""));
const header = fc
  .tuple(
    fc.constantFrom(
      "Range",
      "Content-Range",
      "If-Range",
      "If-Match",
      "If-None-Match",
      "Content-Type",
      "Accept",
    ),
    inOneLine,
  )
  .map(([name, value]) => `${name}: ${value}`);

/** Any request to the data plane, or beside it, as the bytes that are sent. */
export function aRequest(authorization: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .record({
      method: fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE"),
      prefix: fc.constantFrom(
        "/v2/",
        "/v2/acme/app/",
        "/v2/acme/app/blobs/",
        "/v2/acme/app/manifests/",
        "/v2/registry/auth?scope=",
        "/",
      ),
      path: inOneLine.map((text) => text.replaceAll(" ", "+")),
      authorization,
      headers: fc.array(header, { maxLength: 3 }),
      body: soup,
    })
    .map(({ method, prefix, path, authorization, headers, body }) => {
      const lines = [
        `${method} ${prefix}${path} HTTP/1.1`,
        "Host: localhost",
        "Connection: close",
        `Authorization: ${authorization}`,
        `Content-Length: ${Buffer.byteLength(body)}`,
        ...headers,
      ];
      return `${lines.join("\r\n")}\r\n\r\n${body}`;
    });
}

/** Any Authorization header, some of them in the shape of one. */
export const anAuthorization = fc.oneof(
  inOneLine,
  inOneLine.map((text) => `Bearer ${text}`),
  inOneLine.map((text) => `Basic ${Buffer.from(text).toString("base64")}`),
  fc.jsonValue().map((claims) => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    return `Bearer ${part({ alg: "EdDSA", kid: claims })}.${part(claims)}.${part(claims)}`;
  }),
);

const places = [
  ..."schemaVersion mediaType config layers manifests subject artifactType annotations __proto__".split(" "),
  ..."config.digest config.size config.mediaType config.data config.urls config.annotations".split(" "),
  ..."layers.0 layers.0.digest layers.0.size layers.1 annotations.a subject.digest constructor.prototype".split(
    " ",
  ),
];
const value = fc.oneof(
  fc.constantFrom<unknown>(-1, 0.5, 1e300, 2 ** 53, "", null, [], {}, [[]], "e30=", layer.digest, OCI_INDEX),
  soup,
  fc.jsonValue({ maxDepth: 2 }),
);
const changes = fc.array(fc.tuple(fc.constantFrom(...places), value), { maxLength: 3 });
/** The text of any manifest: most are the image's with other values in it. */
export const manifestText = fc.oneof(
  { arbitrary: changes.map((list) => list.reduce(changed, String(image.content))), weight: 5 },
  fc.json(),
  soup,
);

/** A JSON text with another value at a place such as `config.size`. */
function changed(text: string, [place, value]: [string, unknown]): string {
  const names = place.split(".");
  const replace = (node: unknown, depth: number): unknown => {
    const name = names[depth];
    if (name === undefined) return value;
    const entries = Object.entries(node !== null && typeof node === "object" ? node : {});
    const inner = entries.find(([key]) => key === name)?.[1];
    const rest = entries.filter(([key]) => key !== name);
    const all = [...rest, [name, replace(inner, depth + 1)]] as [string, unknown][];
    return Array.isArray(node) ? all.map(([, one]) => one) : Object.fromEntries(all);
  };
  return JSON.stringify(replace(JSON.parse(text), 0));
}
