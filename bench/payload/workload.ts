import { parseConfiguration } from '../../firmware/phone/config/parse-configuration.ts';
import * as cdp from '../../firmware/wire/cdp.ts';
import * as dhcp from '../../firmware/wire/dhcp.ts';
import type { EntryPoints } from '../../hal/entry-points.ts';
import type { Hal } from '../../hal/hal.ts';

/** What a phone does most, as a payload: `onFrame` takes a frame's protocols apart and puts them together again, `onInput` reads a configuration. */
export function entry(hal: Hal): EntryPoints {
  const configuration = hal.flash.read(0, hal.flash.size);
  const into = new Uint8Array(1_518);
  const seen = new Map<number, number>();
  return {
    onFrame(bytes, length) {
      const offer = dhcp.parse(bytes, 0, length);
      if ('xid' in offer) {
        seen.set(offer.yiaddr, (seen.get(offer.yiaddr) ?? 0) + Math.min(dhcp.emit(offer, into), 1));
      }
      const announcement = cdp.parse(bytes, length);
      if ('tlvs' in announcement) cdp.emit(announcement, into);
    },
    onAlarm() {},
    onLink() {},
    onPower() {},
    onInput() {
      parseConfiguration(configuration);
    },
    onCompletion() {},
  };
}
