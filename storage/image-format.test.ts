import { createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { developmentKey, sealerOf, sha256, verifySignature } from '../images/key.ts';
import { testImage } from '../test/support/flash-bench.ts';
import { developmentBootKey } from './development-key.ts';
import {
  describe as describeImage,
  emit,
  HEADER,
  type Image,
  type ImageParts,
  parse,
  seal,
  TLV,
  versionText,
} from './image-format.ts';
import { putU16le, putU32le, u16le } from './little-endian.ts';
import { isMalformed } from './malformed-image.ts';

function parsed(octets: Uint8Array): Image {
  const image = parse(octets);
  if (isMalformed(image)) throw new Error(image.malformed);
  return image;
}

function reason(octets: Uint8Array): string | null {
  const image = parse(octets);
  return isMalformed(image) ? image.malformed : null;
}

const word = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/);
const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const parts: fc.Arbitrary<ImageParts> = fc.record({
  body: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  halAbi: u16,
  version: fc.record({ major: u8, minor: u8, revision: u16, build: u32 }),
  securityCounter: u32,
  models: fc.array(word, { minLength: 1, maxLength: 8 }),
  load: word,
  buildId: word,
  hardwareRevisions: fc.option(fc.array(word, { minLength: 1, maxLength: 3 })),
  protocol: fc.constantFrom('sccp' as const, 'sip' as const, null),
});
const sealer = { sha256, sign: () => null };

/** The image with `tlv` put at the end of its protected or unprotected area, all sizes right. */
function withTlv(area: 'protected' | 'unprotected', type: number, value: string): Uint8Array {
  const octets = testImage({}, null);
  const image = parsed(octets);
  const protectedAt = image.bodyOffset + image.bodyLength;
  const at = area === 'protected' ? protectedAt : image.signedLength;
  const end = area === 'protected' ? image.signedLength : image.length;
  const tlv = new Uint8Array(4 + value.length);
  putU16le(tlv, 0, type);
  putU16le(tlv, 2, value.length);
  tlv.set(new TextEncoder().encode(value), 4);
  const longer = new Uint8Array([...octets.subarray(0, end), ...tlv, ...octets.subarray(end)]);
  putU16le(longer, at + 2, u16le(longer, at + 2) + tlv.length);
  if (area === 'protected') putU16le(longer, HEADER.protectedSize, image.signedLength - protectedAt + tlv.length);
  return longer;
}

describe('image format', () => {
  it('gives back what was packed', () => {
    fc.assert(
      fc.property(parts, (given) => {
        const octets = emit(given, sealer);
        const image = parsed(octets);
        const { body, ...claims } = given;
        expect(image).toMatchObject(claims);
        expect(octets.slice(image.bodyOffset, image.bodyOffset + image.bodyLength)).toEqual(body);
        expect(image.length).toBe(octets.length);
        expect(emit({ ...image, body }, sealer)).toEqual(octets);
      }),
    );
  });

  it('takes any octets without throwing', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => isMalformed(parse(octets))));
    const whole = testImage();
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), u8), { minLength: 1, maxLength: 6 }), (changes) => {
        const octets = whole.slice();
        for (const [at, value] of changes) octets[at] = value;
        const image = parse(octets);
        if (!isMalformed(image)) expect(image.length).toBeLessThanOrEqual(octets.length);
      }),
    );
  });

  it('finds every truncation', () => {
    const whole = testImage();
    for (let length = 0; length < whole.length; length++)
      expect(reason(whole.slice(0, length)), `${length}`).not.toBeNull();
  });

  it('finds every single rotten bit, by form, digest or signature', () => {
    const whole = testImage();
    const { publicKey } = developmentBootKey();
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const octets = whole.slice();
      octets[bit >> 3]! ^= 1 << (bit & 7);
      const image = parse(octets);
      if (isMalformed(image)) continue;
      const digest = sha256(octets.subarray(0, image.signedLength));
      const sound =
        Buffer.from(digest).equals(image.digest) &&
        image.signature?.keyId === 'development' &&
        verifySignature(image.signature.algorithm, publicKey, digest, image.signature.octets);
      expect(sound, `bit ${bit & 7} of octet ${bit >> 3}`).toBe(false);
    }
  });

  it('refuses a protected TLV that is unknown or stands twice', () => {
    expect(reason(withTlv('protected', 0x33, 'x'))).toBe('unknown protected TLV 51');
    expect(reason(withTlv('protected', TLV.load, 'OTHER'))).toBe('protected TLV 2 stands twice');
    expect(reason(withTlv('protected', TLV.sha256, 'x'))).toBe('unknown protected TLV 128');
    expect(reason(withTlv('protected', TLV.hardwareRevisions, '1'))).toBeNull();
  });

  it('refuses an unprotected copy of a protected TLV, and keeps an unknown one that is unprotected', () => {
    expect(reason(withTlv('unprotected', TLV.load, 'OTHER'))).toBe('protected TLV 2 stands among the unprotected ones');
    expect(reason(withTlv('unprotected', 0x33, 'x'))).toBe('protected TLV 51 stands among the unprotected ones');
    expect(parsed(withTlv('unprotected', 0x9999, 'x')).unknown).toEqual([
      { type: 0x9999, value: new Uint8Array([0x78]) },
    ]);
  });

  it('reads an image with a longer header, and covers the new octets by the digest', () => {
    const octets = testImage({}, null);
    const image = parsed(octets);
    const signed = new Uint8Array([...octets.subarray(0, 32), 1, 2, 3, 4, ...octets.subarray(32, image.signedLength)]);
    putU16le(signed, HEADER.headerSize, 36);
    const grown = parsed(seal(signed, sealerOf(developmentKey())));
    expect(grown).toMatchObject({ headerSize: 36, bodyOffset: 36, load: image.load });
    expect(grown.digest).not.toEqual(image.digest);
  });

  it('refuses headers that cannot be right', () => {
    const withHeader = (offset: number, value: number, put: typeof putU16le = putU16le): string | null => {
      const octets = testImage();
      put(octets, offset, value);
      return reason(octets);
    };
    expect(withHeader(HEADER.magic, 0)).toBe('the magic number is missing');
    expect(withHeader(HEADER.headerSize, 28)).toMatch(/header size 28/);
    expect(withHeader(HEADER.headerSize, 34)).toMatch(/header size 34/);
    expect(withHeader(HEADER.headerSize, 65532)).toMatch(/out of range/);
    expect(withHeader(HEADER.bodySize, 0xffff_ffff, putU32le)).toMatch(/body size/);
    expect(withHeader(HEADER.flags, 3, putU32le)).toBe('unknown flags 0x3');
    expect(withHeader(HEADER.reserved, 1)).toBe('the reserved field is not zero');
    expect(withHeader(HEADER.protectedSize, 5)).toBe('header and protected area differ in size');
  });

  it('packs nothing that it would not read', () => {
    const version = { major: 256, minor: 0, revision: 0, build: 0 };
    expect(() => testImage({ version })).toThrow('major version 256 is not 0 to 255');
    expect(() => testImage({ securityCounter: -1 })).toThrow(RangeError);
    expect(() => testImage({ models: ['7975,7965'] })).toThrow('cannot stand in a list');
    expect(() => testImage({ models: [] })).toThrow('no image can be made of this');
    expect(() => testImage({ body: new Uint8Array(0) })).toThrow('body size 0');
    expect(() => testImage({ load: 'x'.repeat(600) })).toThrow('printable text');
  });

  it('prints versions and images', () => {
    const nine = { major: 9, minor: 4, revision: 2, build: 0 };
    expect([versionText(nine), versionText({ ...nine, build: 7 })]).toEqual(['9.4.2', '9.4.2+7']);
    expect(describeImage(parsed(testImage()))).toMatch(
      /^SCCP75\.9-4-2SR3-1S 9\.4\.2 for 7975, ABI 1, counter 1, body 30, sha256 [0-9a-f]{16}…, signed by development$/,
    );
  });
});

describe('development key', () => {
  it('is the public half of the public seed', () => {
    const spki = createPublicKey(developmentKey().privateKey).export({ type: 'spki', format: 'der' });
    expect(Buffer.from(developmentBootKey().publicKey)).toEqual(spki);
  });
});
