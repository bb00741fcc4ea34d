import { Parser } from 'htmlparser2';

/** Is told of a document in its order. `stop` of the reader ends it. */
export interface XmlSink {
  startTag(name: string): void;
  /** Of the element that was started last. */
  attribute(name: string, value: string): void;
  /** What stands between two tags can come in several pieces. */
  text(piece: string): void;
  endTag(name: string): void;
}

/**
 * Events of an XML document, as tolerant as the files of the field demand: nothing is an error. Prefixes are part of a name, bound or not; the five
 * entities of XML and numeric ones are known, and no others. Of markup that is not finished when the document ends nothing more is told.
 */
export class XmlReader {
  readonly #source: string;
  readonly #parser: Parser;

  constructor(source: string, sink: XmlSink) {
    this.#source = source;
    // One attribute at a time: the parser's object of all of them cannot be made in a realm whose prototypes are frozen.
    const handler = {
      onopentagname: (name: string) => sink.startTag(name),
      onattribute: (name: string, value: string) => sink.attribute(name, value),
      ontext: (piece: string) => sink.text(piece),
      onclosetag: (name: string) => sink.endTag(name),
    };
    // Without entities the parser can look for the next tag instead of at each character, which saves a sixth of its time.
    this.#parser = new Parser(handler, { xmlMode: true, decodeEntities: source.includes('&') });
  }

  /** Where the text or markup begins that is being told of. */
  get at(): number {
    return this.#parser.startIndex;
  }

  /** Nothing more is told. */
  stop(): void {
    this.#parser.pause();
  }

  read(): void {
    this.#parser.write(this.#source);
  }
}
