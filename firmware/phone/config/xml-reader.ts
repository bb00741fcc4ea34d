/**
 * Events of an XML document (XML 1.0), as tolerant as the files of the field demand: nothing is an error.
 *
 * Prefixes are part of a name. The five entities of XML and numeric ones are known, and no others (4.6). An end tag closes the innermost element of
 * its name and all inside it; one that names no open element is passed over. A `<` that begins nothing is text. Comments, processing instructions and
 * declarations are passed over. Of markup that is not finished when the document ends nothing more is told than its beginning.
 *
 * A general parser took 17 % of all that a phone does from power-on to registered; this one takes a quarter of that, as it searches text instead of
 * walking it. The test compares the two.
 */

/** Is told of a document in its order. `stop` of the reader ends it. */
export interface XmlSink {
  startTag(name: string): void;
  /** Of the element that was started last. */
  attribute(name: string, value: string): void;
  /** What stands between two tags can come in several pieces. */
  text(piece: string): void;
  endTag(name: string): void;
}

const TAB = 0x09;
const SPACE = 0x20;
const BANG = 0x21; // !
const SLASH = 0x2f;
const EQUALS = 0x3d;
const GREATER = 0x3e;
const QUESTION = 0x3f;
const BRACKET = 0x5b; // [
const DASH = 0x2d;
const CDATA = '<![CDATA[';
const COMMENT = '<!--';

export class XmlReader {
  readonly #source: string;
  readonly #sink: XmlSink;
  readonly #open: string[] = [];
  #at = 0;
  #stopped = false;

  constructor(source: string, sink: XmlSink) {
    this.#source = source;
    this.#sink = sink;
  }

  /** Where the text or markup begins that is being told of. */
  get at(): number {
    return this.#at;
  }

  /** Nothing more is told. */
  stop(): void {
    this.#stopped = true;
  }

  read(): void {
    const source = this.#source;
    while (!this.#stopped) {
      // A `<` that begins nothing is where the search goes on from.
      let less = source.indexOf('<', this.#at);
      while (less !== -1 && !beginsMarkup(source, less)) less = source.indexOf('<', less + 1);
      const end = less === -1 ? source.length : less;
      if (end > this.#at) this.#sink.text(decoded(source.slice(this.#at, end)));
      if (less === -1) return;
      this.#at = less;
      const next = this.#markup(less);
      if (next === -1) return;
      this.#at = next;
    }
  }

  /** Returns where the markup at `less` is over; -1 when it is not. */
  #markup(less: number): number {
    const source = this.#source;
    switch (source.charCodeAt(less + 1)) {
      case SLASH:
        return this.#endTag(less + 2);
      case QUESTION:
        return after(source, '?>', less + 2);
      case BANG:
        return this.#declaration(less);
      default:
        return this.#startTag(less + 1);
    }
  }

  #declaration(less: number): number {
    const source = this.#source;
    const kind = source.charCodeAt(less + 2);
    if (kind === DASH && source.startsWith(COMMENT, less)) return after(source, '-->', less + COMMENT.length);
    if (kind !== BRACKET || !source.startsWith(CDATA, less)) return after(source, '>', less + 2);
    const text = less + CDATA.length;
    const end = source.indexOf(']]>', text);
    if (end === -1) return -1;
    this.#sink.text(source.slice(text, end));
    return end + 3;
  }

  #endTag(from: number): number {
    const source = this.#source;
    const start = skipBlanks(source, from);
    const end = nameEnd(source, start);
    const greater = after(source, '>', end);
    if (greater === -1) return -1;
    const depth = this.#open.lastIndexOf(source.slice(start, end));
    if (depth !== -1) for (let left = this.#open.length; left > depth; left--) this.#close();
    return greater;
  }

  #startTag(start: number): number {
    const source = this.#source;
    let at = nameEnd(source, start);
    if (at === source.length) return -1;
    const name = source.slice(start, at);
    this.#open.push(name);
    this.#sink.startTag(name);
    for (let closes = false; at < source.length && !this.#stopped; ) {
      const code = source.charCodeAt(at);
      if (code === GREATER) {
        if (closes) this.#close();
        return at + 1;
      }
      if (code === SLASH) closes = true;
      else if (!isBlank(code)) {
        closes = false;
        at = this.#attribute(at);
        continue;
      }
      at++;
    }
    return -1;
  }

  #close(): void {
    this.#sink.endTag(this.#open.pop()!);
  }

  /** Returns where the attribute is over. */
  #attribute(start: number): number {
    const source = this.#source;
    let at = start + 1;
    while (at < source.length && source.charCodeAt(at) !== EQUALS && !endsName(source.charCodeAt(at))) at++;
    const name = source.slice(start, at);
    const equals = skipBlanks(source, at);
    if (source.charCodeAt(equals) !== EQUALS) {
      this.#sink.attribute(name, '');
      return at;
    }
    const value = skipBlanks(source, equals + 1);
    const quote = source[value];
    if (quote === '"' || quote === "'") {
      const end = source.indexOf(quote, value + 1);
      if (end === -1) return source.length;
      this.#sink.attribute(name, decoded(source.slice(value + 1, end)));
      return end + 1;
    }
    let end = value;
    while (end < source.length && source.charCodeAt(end) !== GREATER && !isBlank(source.charCodeAt(end))) end++;
    this.#sink.attribute(name, decoded(source.slice(value, end)));
    return end;
  }
}

/** Not so a `<` before a blank or its own `>`, nor `</>`. */
function beginsMarkup(source: string, less: number): boolean {
  const code = source.charCodeAt(less + 1);
  if (code === SLASH) return source.charCodeAt(skipBlanks(source, less + 2)) !== GREATER;
  return code !== GREATER && !isBlank(code);
}

function nameEnd(source: string, from: number): number {
  let at = from;
  while (at < source.length && !endsName(source.charCodeAt(at))) at++;
  return at;
}

function endsName(code: number): boolean {
  return code === GREATER || code === SLASH || isBlank(code);
}

function skipBlanks(source: string, from: number): number {
  let at = from;
  while (isBlank(source.charCodeAt(at))) at++;
  return at;
}

/** Blank, tab, line feed, form feed, carriage return. */
function isBlank(code: number): boolean {
  return code === SPACE || (code >= TAB && code <= 0x0d && code !== 0x0b);
}

function after(source: string, end: string, from: number): number {
  const at = source.indexOf(end, from);
  return at === -1 ? -1 : at + end.length;
}

const ENTITY = /&(?:#(\d+)|#[xX]([\da-fA-F]+)|(lt|gt|amp|quot|apos));/g;
const ENTITIES: Readonly<Record<string, string>> = Object.freeze({ lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" });

function decoded(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(ENTITY, (_, decimal?: string, hexadecimal?: string, name?: string) => {
    if (name !== undefined) return ENTITIES[name]!;
    return character(decimal === undefined ? Number.parseInt(hexadecimal!, 16) : Number.parseInt(decimal, 10));
  });
}

/** What is no character becomes U+FFFD. */
function character(code: number): string {
  const isCharacter = code > 0 && code <= 0x10_ffff && !(code >= 0xd800 && code <= 0xdfff);
  return String.fromCodePoint(isCharacter ? code : 0xfffd);
}
