import type { Instant } from '../../../hal/timer.ts';
import type { ReportBlock } from '../../wire/rtcp.ts';
import type { Packet } from '../../wire/rtp.ts';
import { SAMPLE_RATE } from './voice-source.ts';

/** RFC 3550 A.1: a jump of sequence numbers up to this is loss, back by up to that is disorder, and else the sender began anew. */
const MAX_DROPOUT = 3_000;
const MAX_MISORDER = 100;
const SEQUENCES = 0x1_0000;
/** No sequence number. */
const NONE = SEQUENCES + 1;

/** Microseconds in a unit of the timestamp. */
const UNIT = 1_000_000 / SAMPLE_RATE;

/**
 * What came of one source: RFC 3550 appendices A.1 (sequence numbers), A.3 (loss) and A.8 (jitter). Without the probation of A.1, since the call
 * manager has told whom we hear: the first packet counts.
 */
export class Reception {
  #ssrc: number | null = null;
  #baseSequence = 0;
  #maxSequence = 0;
  #cycles = 0;
  #badSequence = NONE;
  #receivedSince = 0;
  /** Of sources, or runs of one source, that are over. */
  #packetsBefore = 0;
  #lostBefore = 0;
  octets = 0;
  #expectedPrior = 0;
  #receivedPrior = 0;
  #transit: number | null = null;
  /** Sixteen times the jitter, in units of the timestamp. */
  #jitter = 0;

  /** True when the packet counts; a wild sequence number does not, until a second follows it. */
  take(now: Instant, packet: Packet): boolean {
    const { sequenceNumber: sequence, ssrc } = packet;
    if (this.#ssrc !== ssrc) this.#begin(ssrc, sequence);
    else if (!this.#follows(sequence)) return false;
    this.#receivedSince++;
    this.octets += packet.payloadLength;
    const transit = (Math.floor(now / UNIT) - packet.timestamp) | 0;
    if (this.#transit !== null) {
      const difference = Math.abs((transit - this.#transit) | 0);
      this.#jitter += difference - ((this.#jitter + 8) >> 4);
    }
    this.#transit = transit;
    return true;
  }

  get packets(): number {
    return this.#packetsBefore + this.#receivedSince;
  }

  get lost(): number {
    return this.#lostBefore + this.#cumulativeLost();
  }

  get jitterMilliseconds(): number {
    return (this.#jitter >> 4) / (SAMPLE_RATE / 1000);
  }

  /** For the next report; null while nothing came. @param lastReport of the source's last SR, as LSR and DLSR want it. */
  block(lastReport: number, sinceLastReport: number): ReportBlock | null {
    if (this.#ssrc === null) return null;
    const expected = this.#expected();
    const expectedSince = expected - this.#expectedPrior;
    const lostSince = expectedSince - (this.#receivedSince - this.#receivedPrior);
    this.#expectedPrior = expected;
    this.#receivedPrior = this.#receivedSince;
    return {
      ssrc: this.#ssrc,
      fractionLost: expectedSince === 0 || lostSince <= 0 ? 0 : Math.floor((lostSince * 256) / expectedSince) & 0xff,
      cumulativeLost: Math.max(-0x80_0000, Math.min(0x7f_ffff, expected - this.#receivedSince)),
      highestSequence: (this.#cycles + this.#maxSequence) >>> 0,
      jitter: this.#jitter >> 4,
      lastReport,
      sinceLastReport,
    };
  }

  #begin(ssrc: number, sequence: number): void {
    this.#packetsBefore += this.#receivedSince;
    this.#lostBefore += this.#cumulativeLost();
    this.#ssrc = ssrc;
    this.#baseSequence = sequence;
    this.#maxSequence = sequence;
    this.#badSequence = NONE;
    this.#cycles = 0;
    this.#receivedSince = 0;
    this.#receivedPrior = 0;
    this.#expectedPrior = 0;
    this.#transit = null;
  }

  #follows(sequence: number): boolean {
    const step = (sequence - this.#maxSequence) & 0xffff;
    if (step < MAX_DROPOUT) {
      if (sequence < this.#maxSequence) this.#cycles += SEQUENCES;
      this.#maxSequence = sequence;
      return true;
    }
    if (step > SEQUENCES - MAX_MISORDER) return true;
    if (sequence !== this.#badSequence) {
      this.#badSequence = (sequence + 1) & 0xffff;
      return false;
    }
    this.#begin(this.#ssrc!, sequence);
    return true;
  }

  #expected(): number {
    return this.#ssrc === null ? 0 : this.#cycles + this.#maxSequence - this.#baseSequence + 1;
  }

  /** Duplicates can make it negative on the wire; as a figure for people it is at least nothing. */
  #cumulativeLost(): number {
    return Math.max(0, this.#expected() - this.#receivedSince);
  }
}
