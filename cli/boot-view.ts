import type { StreamEvent } from '../fleet/public.ts';
import { DARK_PANEL, type PanelState } from '../hal/panel.ts';
import { STAGE_NAMES, type StageName, type TraceEvents } from '../hal/trace.ts';
import { faceLines, printable } from './face.ts';
import { Learned, STAGE_TITLES } from './learned.ts';
import type { Output } from './output.ts';
import { type Style, styleFor } from './style.ts';

/** Draws the boot of one phone from its events. */
export interface BootView {
  hear(event: StreamEvent): void;
  /** How far all phones are; the last one counts. */
  summary(line: string): void;
  /** Something that the operator should know now. */
  note(line: string): void;
  /** The phone is where it was to come: shows its face, if that is not on the screen already. */
  finish(): void;
}

/** The view that fits where people's text goes; null where they want none. */
export function bootViewFor(output: Output): BootView | null {
  if (output.quiet) return null;
  const stream = output.json ? process.stderr : process.stdout;
  const style = styleFor(stream);
  const draws = stream.isTTY === true && process.env.TERM !== 'dumb';
  return draws ? new LiveBootView(stream, style) : new PlainBootView((line) => output.line(line), style);
}

type Outcome = TraceEvents['stage.leave']['outcome'];

const TITLE_WIDTH = Math.max(...Object.values(STAGE_TITLES).map((title) => title.length));

/** One line of the table of steps. */
export function row(stage: StageName, result: string, at: number | null, learned: string): string {
  const number = STAGE_NAMES.indexOf(stage) + 1;
  const time = at === null ? '' : `${at.toFixed(3)} s`;
  return `  ${number}  ${STAGE_TITLES[stage].padEnd(TITLE_WIDTH)}  ${time.padStart(11)}  ${result}  ${printable(learned)}`.trimEnd();
}

export function resultText(outcome: Outcome, style: Style): string {
  const text = outcome.padEnd('skipped'.length);
  if (outcome === 'failed') return style.bad(text);
  return outcome === 'done' ? style.good(text) : style.dim(text);
}

/** Reasons that say more than what was learned: of a step that failed or was left out. */
export function learnedText(learned: Learned, { stage, outcome, reason }: TraceEvents['stage.leave']): string {
  const text = learned.of(stage);
  if (outcome === 'failed') return text === '' ? (reason ?? '') : `${reason}: ${text}`;
  return text === '' ? (reason ?? '') : text;
}

/** For files and pipes: a line for each step that is over, and for what happens later. */
export class PlainBootView implements BootView {
  readonly #write: (line: string) => void;
  readonly #style: Style;
  readonly #learned = new Learned();
  #panel: PanelState = DARK_PANEL;
  #screen = '';

  constructor(write: (line: string) => void, style: Style) {
    this.#write = write;
    this.#style = style;
  }

  hear(event: StreamEvent): void {
    this.#learned.hear(event);
    const fields = event as unknown;
    if (event.type === 'panel') this.#showPanel(fields as PanelState);
    else if (event.type === 'stage.leave') {
      const left = fields as TraceEvents['stage.leave'];
      const result = resultText(left.outcome, this.#style);
      this.#write(row(left.stage, result, event.at, learnedText(this.#learned, left)));
    } else {
      const text = newsText(event);
      if (text !== null)
        this.#write(`${' '.repeat(TITLE_WIDTH + 7)}${`${event.at.toFixed(3)} s`.padStart(11)}  ${text}`);
    }
  }

  summary(line: string): void {
    this.#write(line);
  }

  note(line: string): void {
    this.#write(line);
  }

  finish(): void {
    const face = faceLines(this.#panel, this.#style);
    const text = face.join('\n');
    if (text === this.#screen) return;
    this.#screen = text;
    for (const line of face) this.#write(line);
  }

  #showPanel(panel: PanelState): void {
    this.#panel = panel;
  }
}

/** On a terminal: the nine steps, the lamps and the screen, drawn again as they change. */
export class LiveBootView implements BootView {
  readonly #stream: NodeJS.WriteStream;
  readonly #style: Style;
  readonly #learned = new Learned();
  readonly #rows = new Map<StageName, string>();
  #current: { readonly stage: StageName; readonly at: number } | null = null;
  #news: string[] = [];
  #panel: PanelState = DARK_PANEL;
  #summary = '';
  #note = '';
  /** Lines of the last drawing. */
  #height = 0;

  constructor(stream: NodeJS.WriteStream, style: Style) {
    this.#stream = stream;
    this.#style = style;
  }

  hear(event: StreamEvent): void {
    this.#learned.hear(event);
    const fields = event as unknown;
    switch (event.type) {
      case 'panel':
        this.#panel = fields as PanelState;
        break;
      case 'stage.enter':
        this.#enter((fields as TraceEvents['stage.enter']).stage, event.at);
        break;
      case 'stage.leave': {
        const left = fields as TraceEvents['stage.leave'];
        const result = resultText(left.outcome, this.#style);
        this.#rows.set(left.stage, row(left.stage, result, event.at, learnedText(this.#learned, left)));
        this.#current = null;
        break;
      }
      default: {
        const text = newsText(event);
        if (text === null) return;
        this.#news = [...this.#news, `  ${event.at.toFixed(3)} s  ${text}`].slice(-NEWS_SHOWN);
      }
    }
    this.#draw();
  }

  summary(line: string): void {
    if (line === this.#summary) return;
    this.#summary = line;
    this.#draw();
  }

  note(line: string): void {
    this.#note = line;
    this.#draw();
  }

  finish(): void {
    this.#draw();
  }

  /** A step that is entered again has what comes after it before it once more. */
  #enter(stage: StageName, at: number): void {
    for (const later of STAGE_NAMES.slice(STAGE_NAMES.indexOf(stage))) this.#rows.delete(later);
    this.#current = { stage, at };
  }

  #draw(): void {
    const rows = STAGE_NAMES.map((stage) => {
      const done = this.#rows.get(stage);
      if (done !== undefined) return done;
      const current = this.#current;
      if (current?.stage === stage) return this.#style.bright(row(stage, '…      ', current.at, ''));
      return this.#style.dim(row(stage, '', null, ''));
    });
    const below = [this.#summary, this.#note].filter((line) => line !== '');
    const lines = [...rows, ...faceLines(this.#panel, this.#style), ...this.#news, ...below];
    // A terminal that does not know its size says 0.
    const columns = this.#stream.columns || 80;
    const screenRows = this.#stream.rows || 24;
    // What does not fit would scroll away and be drawn twice: the steps at the top give way.
    const shown = lines.slice(-Math.max(1, screenRows - 1)).map((line) => cut(line, columns - 1));
    const up = this.#height === 0 ? '' : `\u001b[${this.#height}A\r`;
    this.#stream.write(`${up}\u001b[J${shown.join('\n')}\n`);
    this.#height = shown.length;
  }
}

const NEWS_SHOWN = 3;

/** What happens beside the steps and is worth a line; null for all else. */
function newsText(event: StreamEvent): string | null {
  const fields = event as unknown;
  switch (event.type) {
    case 'link.down':
      return 'link down';
    case 'power.reset':
      return `reset: ${(fields as TraceEvents['power.reset']).reason}`;
    case 'load.update': {
      const { to, outcome, reason } = fields as TraceEvents['load.update'];
      return `load ${printable(to)}: ${outcome}${reason === undefined ? '' : `, ${reason}`}`;
    }
    case 'boot.rejected': {
      const { slot, reason } = fields as TraceEvents['boot.rejected'];
      return `slot ${slot} is not run: ${reason}`;
    }
    case 'boot.confirmed':
      return `load ${printable((fields as TraceEvents['boot.confirmed']).load)} is confirmed`;
    case 'power.off':
      return 'power off';
    case 'dhcp.lost':
      return `address lost: ${(fields as TraceEvents['dhcp.lost']).reason}`;
    case 'registration.lost': {
      const { host, reason } = fields as TraceEvents['registration.lost'];
      return `registration with ${host} is over: ${reason}`;
    }
    case 'reset.requested': {
      const { by, kind } = fields as TraceEvents['reset.requested'];
      return `${by} asks for a ${kind}`;
    }
    case 'call.state': {
      const { state, from, to } = fields as TraceEvents['call.state'];
      const parties = from === '' && to === '' ? '' : ` ${printable(from)} to ${printable(to)}`;
      return `call${parties}: ${state}`;
    }
    case 'media.start': {
      const { codec, ptime, remote } = fields as TraceEvents['media.start'];
      return `audio to ${remote}: ${codec}, ${ptime} ms a packet`;
    }
    case 'media.stop': {
      const { packetsSent, packetsReceived, lost, jitter } = fields as TraceEvents['media.stop'];
      return `audio over: ${packetsSent} packets sent, ${packetsReceived} received, ${lost} lost, jitter ${jitter} ms`;
    }
    case 'fault': {
      const { reason, detail } = fields as TraceEvents['fault'];
      return `fault: ${reason}: ${printable(detail)}`;
    }
    default:
      return null;
  }
}

/** Escape sequences take no room on the screen. */
function cut(line: string, width: number): string {
  let shown = 0;
  let result = '';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
  for (const [piece] of line.matchAll(/\u001b\[\d+m|[\s\S]/gu)) {
    if (piece.length > 1 && piece.startsWith('\u001b')) result += piece;
    else if (shown++ < width) result += piece;
  }
  return result;
}
