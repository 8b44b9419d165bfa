/** How bytes are packed, as far as this server unpacks them. */
export type Packing = "gzip" | "zstd";

/** What the thread that unpacks is asked for: how long one blob is, unpacked, if that is no more than `maxBytes`. */
export interface UnpackRequest {
  packing: Packing;
  maxBytes: number;
  /** By it the thread asks for the blob a piece at a time, and then answers. */
  port: MessagePort;
}

/** A piece of the blob, or its end. */
export type UnpackPiece = Uint8Array | null;

/** The next piece is wanted; or it is done, and `undefined` where the bytes are damaged or too many. */
export type UnpackAnswer = "next" | { bytes: number | undefined };
