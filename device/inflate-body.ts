import { inflateRawSync } from 'node:zlib';

/** Four times the largest body that an image can have; a signed image is no bomb, an unsigned one might be. */
const MAX_INFLATED = 16 * 1024 * 1024;

/** The body of an image whose flags say that it is compressed. Throws for what is no DEFLATE stream, or a longer one than any payload. */
export function inflateBody(body: Uint8Array): Uint8Array {
  return inflateRawSync(body, { maxOutputLength: MAX_INFLATED });
}
