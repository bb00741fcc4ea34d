import type { TunableValues } from '../hal/tunables.ts';

const ANSWER_SECONDS = 1;

/** Where phones are to call each other somebody has to answer: after a second, unless the operator has said when. */
export function withAnswer(tunables: TunableValues): TunableValues {
  return tunables['call.autoAnswer'] > 0 ? tunables : Object.freeze({ ...tunables, 'call.autoAnswer': ANSWER_SECONDS });
}
