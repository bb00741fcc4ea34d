import type { TunableValues } from '../../../hal/tunables.ts';
import { BUTTON } from '../../wire/sccp/codes.ts';
import { EmergencyNumbers } from '../emergency-numbers.ts';
import type { SccpFeature } from './dialogue.ts';

/** What nearly every phone has: shared by all. */
export const NONE_BARRED: readonly SccpFeature[] = Object.freeze([]);

/** The buttons that would dial an emergency number. A busy lamp field's number is not told to the phone, only what stands beside it. */
export function barredButtons(features: readonly SccpFeature[], tunables: TunableValues): readonly SccpFeature[] {
  const emergency = new EmergencyNumbers(tunables['call.outsidePrefix']);
  const barred = features.filter(({ target, label }) => emergency.has(target || label));
  return barred.length === 0 ? NONE_BARRED : barred;
}

/** The one that this stimulus presses. */
export function barredBy(barred: readonly SccpFeature[], stimulus: number, instance: number): SccpFeature | undefined {
  const kind =
    stimulus === BUTTON.speedDial ? 'speed-dial' : stimulus === BUTTON.busyLampFieldSpeedDial ? 'feature' : null;
  return barred.find((one) => one.kind === kind && one.instance === instance);
}
