/**
 * Text with named holes, encoded once and filled many times: 40,000 configuration files share the octets of one template, and a file is
 * a few copies and a handful of short strings.
 */

const UTF8 = new TextEncoder();

export class ConfigurationTemplate<Hole extends string> {
  readonly #fixed: Uint8Array[] = [];
  readonly #holes: Hole[] = [];
  readonly #fixedLength: number;

  /** Holes are written `{{name}}`. Throws on a hole that is not one of `names`: a template is program text. */
  constructor(text: string, names: readonly Hole[]) {
    const parts = text.split(/\{\{(\w+)\}\}/);
    let fixedLength = 0;
    for (const [index, part] of parts.entries()) {
      if (index % 2 === 0) {
        const octets = UTF8.encode(part);
        this.#fixed.push(octets);
        fixedLength += octets.length;
      } else {
        const name = names.find((candidate) => candidate === part);
        if (name === undefined) throw new Error(`unknown hole ${part}`);
        this.#holes.push(name);
      }
    }
    this.#fixedLength = fixedLength;
  }

  /** `values` are inserted as they stand: escape text with `escapeXml` first. */
  fill(values: Readonly<Record<Hole, string>>): Uint8Array {
    const encoded = this.#holes.map((hole) => UTF8.encode(values[hole]));
    let length = this.#fixedLength;
    for (const octets of encoded) length += octets.length;
    const file = new Uint8Array(length);
    let at = 0;
    for (const [index, fixed] of this.#fixed.entries()) {
      file.set(fixed, at);
      at += fixed.length;
      const value = encoded[index];
      if (value !== undefined) {
        file.set(value, at);
        at += value.length;
      }
    }
    return file;
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
