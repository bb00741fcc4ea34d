import { type Mark, markingOf, sameMarking, type TosOctets } from '../phone/marking.ts';
import * as lldp from '../wire/lldp.ts';
import type { PhoneContext } from './phone-context.ts';

/** Keeps the marks in force: what the switch's policies and the configuration say, and puts them to use. */
export class Marks {
  readonly #phone: PhoneContext;
  #voice: Mark | null = null;
  #signalling: Mark | null = null;
  #tos: TosOctets | null = null;

  constructor(phone: PhoneContext) {
    this.#phone = phone;
  }

  /** The link is down: policies are void, the configuration stays. */
  forget(): void {
    this.#voice = null;
    this.#signalling = null;
    this.#apply();
  }

  policy(application: number, policy: lldp.Policy | null): void {
    const mark = policy === null ? null : { priority: policy.priority, dscp: policy.dscp };
    if (application === lldp.APPLICATION.voice) this.#voice = mark;
    else this.#signalling = mark;
    this.#apply();
  }

  configure(tos: TosOctets): void {
    this.#tos = tos;
    this.#apply();
  }

  #apply(): void {
    const { hal, stack, facts } = this.#phone;
    const marking = markingOf({
      voicePolicy: this.#voice,
      signallingPolicy: this.#signalling,
      tos: this.#tos,
      precedence: hal.tunables['marking.precedence'] === 'policy' ? 'policy' : 'configuration',
    });
    if (sameMarking(marking, facts.marking)) return;
    facts.marking = marking;
    stack.markSignalling(marking.signalling);
    hal.trace.event('marking', marking);
  }
}
