import { describe, expect, it } from 'vitest';
import { XmlReader, type XmlSink } from './xml-reader.ts';

type Event = readonly [kind: string, ...texts: string[]];

/** Text in one piece, whatever the pieces were. */
class Listener implements XmlSink {
  readonly events: Event[] = [];
  startTag(name: string): void {
    this.events.push(['start', name]);
  }
  attribute(name: string, value: string): void {
    this.events.push(['attribute', name, value]);
  }
  text(piece: string): void {
    const last = this.events.at(-1);
    if (last?.[0] === 'text') this.events[this.events.length - 1] = ['text', last[1]! + piece];
    else this.events.push(['text', piece]);
  }
  endTag(): void {
    this.events.push(['end']);
  }
}

function events(source: string): readonly Event[] {
  const listener = new Listener();
  new XmlReader(source, listener).read();
  return listener.events;
}

describe('XML reader', () => {
  it('tells of tags, attributes and text in their order', () => {
    expect(events('<?xml version="1.0"?><a x="1" y=\'2\' z><b>t &amp; u</b><!-- <c> --><d e = f/></a>')).toEqual([
      ['start', 'a'],
      ['attribute', 'x', '1'],
      ['attribute', 'y', '2'],
      ['attribute', 'z', ''],
      ['start', 'b'],
      ['text', 't & u'],
      ['end'],
      ['start', 'd'],
      ['attribute', 'e', 'f/'],
      ['end'],
      ['end'],
    ]);
    expect(events('<d e="f"/>')).toEqual([['start', 'd'], ['attribute', 'e', 'f'], ['end']]);
  });

  it('knows the five entities and numbers that are characters', () => {
    expect(
      events('&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#x1f600;&nbsp;&amp;lt;&#65&#0;&#xd800;&#x110000;<a/>')[0],
    ).toEqual(['text', `<>&"'AB\u{1f600}&nbsp;&lt;&#65\ufffd\ufffd\ufffd`]);
  });

  it('closes what stands inside the element that an end tag names, and passes over one that names none', () => {
    expect(events('<a><b><c></x></a>')).toEqual([
      ['start', 'a'],
      ['start', 'b'],
      ['start', 'c'],
      ['end'],
      ['end'],
      ['end'],
    ]);
  });

  it('takes for text what begins no markup', () => {
    expect(events('1 < 2 <> </> ]]> <a/>')[0]).toEqual(['text', '1 < 2 <> </> ]]> ']);
  });

  it('says where it is, and stops when it is told to', () => {
    const places: number[] = [];
    const silent = { attribute: () => {}, text: () => {}, endTag: () => {} };
    const reader: XmlReader = new XmlReader('<a>x<b c="1"/><d/></a>', {
      ...silent,
      startTag: (name) => {
        places.push(reader.at);
        if (name === 'b') reader.stop();
      },
    });
    reader.read();
    expect(places).toEqual([0, 4]);
  });
});
