import { type Duration, type Instant, SECOND } from '../hal/timer.ts';
import type { CallResult } from './call-script.ts';
import { type Distribution, distribution, newHistogram, rateOf } from './measurements.ts';

/** What a load of calls tells; plain data, since it may come from another thread. Durations in microseconds from the last key of the number. */
export type CallNews =
  | { readonly kind: 'begun'; readonly at: Instant }
  /** A call was due, and no pair of phones was free for it. */
  | { readonly kind: 'crowded' }
  | {
      readonly kind: 'ended';
      readonly result: CallResult;
      readonly toRinging: Duration | null;
      readonly toConnected: Duration | null;
    }
  /** What one phone says of its stream; `jitter` in milliseconds. */
  | {
      readonly kind: 'stream';
      readonly packetsSent: number;
      readonly packetsReceived: number;
      readonly lost: number;
      readonly jitter: number;
    };

/** Times in seconds. */
export interface CallFigures {
  readonly attempted: number;
  readonly answered: number;
  /** Calls that were over without an answer, by what became of them. */
  readonly failed: Readonly<Record<string, number>>;
  /** Begun and not over when the run ended. */
  readonly underWay: number;
  /** Calls that were due and could not be begun, since all pairs of phones were busy or not registered. */
  readonly notOffered: number;
  /** Begun a second, between the first and the last. */
  readonly rate: number | null;
  readonly toRinging: Distribution;
  readonly toConnected: Distribution;
  readonly media: {
    readonly streams: number;
    /** Streams of which the phone heard not one packet. */
    readonly unheard: number;
    readonly packetsSent: number;
    readonly packetsReceived: number;
    readonly lost: number;
    readonly jitter: Distribution;
  };
}

/** What came of all calls of a run. */
export class CallMeasurements {
  readonly #toRinging = newHistogram();
  readonly #toConnected = newHistogram();
  readonly #jitter = newHistogram();
  readonly #failed = new Map<string, number>();
  #attempted = 0;
  #answered = 0;
  #notOffered = 0;
  #firstAt: Instant | null = null;
  #lastAt: Instant = 0;
  #streams = 0;
  #unheard = 0;
  #packetsSent = 0;
  #packetsReceived = 0;
  #lost = 0;

  hear(news: CallNews): void {
    switch (news.kind) {
      case 'begun':
        this.#attempted++;
        this.#firstAt = Math.min(this.#firstAt ?? news.at, news.at);
        this.#lastAt = Math.max(this.#lastAt, news.at);
        return;
      case 'crowded':
        this.#notOffered++;
        return;
      case 'ended':
        this.#ended(news);
        return;
      case 'stream':
        this.#streams++;
        if (news.packetsReceived === 0) this.#unheard++;
        this.#packetsSent += news.packetsSent;
        this.#packetsReceived += news.packetsReceived;
        this.#lost += news.lost;
        this.#jitter.recordValue(Math.round((news.jitter * SECOND) / 1000));
        return;
    }
  }

  figures(): CallFigures {
    const failed = [...this.#failed].sort(([, a], [, b]) => b - a);
    const over = this.#answered + failed.reduce((sum, [, count]) => sum + count, 0);
    return {
      attempted: this.#attempted,
      answered: this.#answered,
      failed: Object.fromEntries(failed),
      underWay: this.#attempted - over,
      notOffered: this.#notOffered,
      rate: rateOf(this.#attempted, this.#firstAt, this.#lastAt),
      toRinging: distribution(this.#toRinging),
      toConnected: distribution(this.#toConnected),
      media: {
        streams: this.#streams,
        unheard: this.#unheard,
        packetsSent: this.#packetsSent,
        packetsReceived: this.#packetsReceived,
        lost: this.#lost,
        jitter: distribution(this.#jitter),
      },
    };
  }

  #ended({ result, toRinging, toConnected }: Extract<CallNews, { kind: 'ended' }>): void {
    if (result === 'answered') this.#answered++;
    else this.#failed.set(result, (this.#failed.get(result) ?? 0) + 1);
    if (toRinging !== null) this.#toRinging.recordValue(toRinging);
    if (toConnected !== null) this.#toConnected.recordValue(toConnected);
  }
}
